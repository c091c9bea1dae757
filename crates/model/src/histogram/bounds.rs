//! Where the buckets lie.

use super::CUSTOM_BUCKETS_SCHEMA;

/// ½·2^(j/256) for j of 0..256, as upstream has them.
///
/// They are not correctly rounded: each is ½ times the roots of two that the bits
/// of j name, multiplied from the highest bit down, the first root being one ulp low.
static FRACTIONS: [f64; 256] = fractions();

/// 2^(1/2), 2^(1/4) … 2^(1/256).
const ROOTS: [u64; 8] = [
    0x3ff6_a09e_667f_3bcc,
    0x3ff3_06fe_0a31_b715,
    0x3ff1_72b8_3c7d_517b,
    0x3ff0_b558_6cf9_890f,
    0x3ff0_59b0_d315_8574,
    0x3ff0_2c9a_3e77_8061,
    0x3ff0_163d_a9fb_3335,
    0x3ff0_0b1a_fa5a_bcbf,
];

const fn fractions() -> [f64; 256] {
    let mut table = [0.5; 256];
    let mut j = 0;
    while j < 256 {
        let mut bit = 0;
        while bit < 8 {
            if j & (0x80 >> bit) != 0 {
                table[j] *= f64::from_bits(ROOTS[bit]);
            }
            bit += 1;
        }
        j += 1;
    }
    table
}

/// The bound with number `index`: the upper one of bucket `index` and, but for the
/// first custom bucket, the lower one of bucket `index + 1`.
///
/// For exponential schemas −4..=8 this is 2^(index·2^−schema), on the positive side;
/// a bound of 2^1024 is the largest float. Custom bounds are −Inf at −1 and +Inf
/// past the last of `custom_values`.
pub fn bucket_bound(index: i32, schema: i32, custom_values: &[f64]) -> f64 {
    if schema == CUSTOM_BUCKETS_SCHEMA {
        return match usize::try_from(index) {
            Err(_) => f64::NEG_INFINITY,
            Ok(i) => custom_values.get(i).copied().unwrap_or(f64::INFINITY),
        };
    }
    exponential_bound(index, schema)
}

pub(super) fn exponential_bound(index: i32, schema: i32) -> f64 {
    if schema < 0 {
        let exponent = i64::from(index) << (-schema).min(31);
        return if exponent == 1024 { f64::MAX } else { times_power_of_two(1.0, exponent) };
    }
    // Finer schemas than 8 are not stored; they are read as 8 rather than out of the table.
    let schema = schema.min(8);
    let fraction = FRACTIONS[((index & ((1 << schema) - 1)) << (8 - schema)) as usize];
    let exponent = i64::from(index >> schema) + 1;
    if fraction == 0.5 && exponent == 1025 {
        return f64::MAX;
    }
    times_power_of_two(fraction, exponent)
}

/// `x`·2^`exponent` for ½ ≤ x ≤ 1, rounded once.
fn times_power_of_two(x: f64, exponent: i64) -> f64 {
    let power = |e: i64| f64::from_bits(((e + 1023) as u64) << 52);
    match exponent {
        ..-1100 => 0.0,
        -1100..-1000 => x * power(-500) * power(exponent + 500),
        -1000..=1023 => x * power(exponent),
        1024..=1025 => x * 2.0 * power(exponent - 1).min(f64::INFINITY),
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(index: i32, schema: i32, want: f64) {
        assert_eq!(exponential_bound(index, schema).to_bits(), want.to_bits());
    }

    #[test]
    fn exponential_bounds_are_powers_of_two_and_of_their_roots() {
        check(0, 0, 1.0);
        check(3, 0, 8.0);
        check(-1, 0, 0.5);
        check(1, -1, 4.0);
        check(-2, -4, 2.0_f64.powi(-32));
        check(1, 1, std::f64::consts::SQRT_2.next_down());
        check(-1, 1, std::f64::consts::FRAC_1_SQRT_2.next_down());
        check(1024, 0, f64::MAX);
        check(1025, 0, f64::INFINITY);
        check(512, -1, f64::MAX);
        check(64, -4, f64::MAX);
        check(65, -4, f64::INFINITY);
        check(-1074, 0, 5e-324);
        check(-1075, 0, 0.0);
    }

    #[test]
    fn custom_bounds_end_in_infinities() {
        let custom = [1.0, 5.0];
        assert_eq!(
            [-1, 0, 1, 2].map(|i| bucket_bound(i, CUSTOM_BUCKETS_SCHEMA, &custom)),
            [f64::NEG_INFINITY, 1.0, 5.0, f64::INFINITY]
        );
    }
}
