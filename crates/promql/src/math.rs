//! Float arithmetic as upstream computes it, to the last bit.
//!
//! - [`KahanSum`], [`Mean`]: compensated sums and the averages made of them.
//! - [`log`], [`log2`], [`log10`], [`exp`], [`exp2`], [`pow`]: the results of Go's
//!   `math` package on amd64, which differ from libm's in the last digit.
//! - [`hyperbolic`]: hyperbolic functions, likewise.
//! - [`go_max`], [`go_min`]: Go's rules for NaN and signed zero.
//! - [`quantile`]: the quantile rule of `quantile`, `quantile_over_time` …
//!
//! Nothing here may be contracted to fused multiply-add except where `mul_add` is
//! written; Rust never does so on its own.

pub mod hyperbolic;

use std::f64::consts::{FRAC_1_SQRT_2, LOG2_E, LOG10_E};

pub use narthex_model::histogram::kahan_add;

const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// A sum with the part of it that did not fit (Kahan and Neumaier).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KahanSum {
    /// The plain sum.
    pub sum: f64,
    /// What is missing from it; 0 once the sum is infinite.
    pub compensation: f64,
}

impl KahanSum {
    /// A sum that starts with `first`.
    pub fn new(first: f64) -> KahanSum {
        KahanSum { sum: first, compensation: 0.0 }
    }

    /// Adds `value`.
    #[inline]
    pub fn add(&mut self, value: f64) {
        (self.sum, self.compensation) = kahan_add(value, self.sum, self.compensation);
    }

    /// The sum with its compensation.
    #[inline]
    pub fn value(&self) -> f64 {
        self.sum + self.compensation
    }
}

/// An average that goes on when the sum of its values would overflow.
#[derive(Clone, Copy, Debug)]
pub struct Mean {
    /// The sum, or once `is_incremental` the mean so far.
    sum: KahanSum,
    count: f64,
    is_incremental: bool,
}

impl Mean {
    /// The average of one value.
    pub fn new(first: f64) -> Mean {
        Mean { sum: KahanSum::new(first), count: 1.0, is_incremental: false }
    }

    /// Takes in one more value.
    #[inline]
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.is_incremental {
            let mut sum = self.sum;
            sum.add(value);
            if !sum.sum.is_infinite() {
                self.sum = sum;
                return;
            }
            self.is_incremental = true;
            self.sum.sum /= self.count - 1.0;
            self.sum.compensation /= self.count - 1.0;
        }
        let q = (self.count - 1.0) / self.count;
        (self.sum.sum, self.sum.compensation) =
            kahan_add(value / self.count, q * self.sum.sum, q * self.sum.compensation);
    }

    /// Takes in the values of `later` too.
    pub fn merge(&mut self, later: &Mean) {
        let mut sum = self.sum;
        sum.add(later.sum.sum);
        if !self.is_incremental && !later.is_incremental && !sum.sum.is_infinite() {
            sum.compensation += later.sum.compensation;
            self.sum = sum;
            self.count += later.count;
            return;
        }
        let count = self.count + later.count;
        let (mine, theirs) = (self.value() * (self.count / count), later.value() * (later.count / count));
        *self = Mean { sum: KahanSum::new(mine + theirs), count, is_incremental: true };
    }

    /// The average.
    pub fn value(&self) -> f64 {
        if self.is_incremental {
            self.sum.value()
        } else {
            self.sum.sum / self.count + self.sum.compensation / self.count
        }
    }
}

/// The quantile `q` of values in ascending order with NaN first.
///
/// No values or a NaN for `q` give NaN; `q` below 0 gives −Inf, above 1 +Inf.
pub fn quantile(q: f64, sorted: &[f64]) -> f64 {
    if sorted.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let last = sorted.len() - 1;
    let rank = q * last as f64;
    let lower = rank.floor();
    let index = lower as usize;
    let weight = rank - lower;
    sorted[index] * (1.0 - weight) + sorted[last.min(index + 1)] * weight
}

/// The order in which [`quantile`] wants its values: ascending, NaN first.
#[inline]
pub fn nan_first(a: &f64, b: &f64) -> std::cmp::Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(b),
        (a_is_nan, b_is_nan) => b_is_nan.cmp(&a_is_nan),
    }
}

/// Go's `math.Max`: `+Inf` beats NaN, NaN beats the rest, 0 beats −0.
#[inline]
pub fn go_max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { b } else { a }
    } else if a > b {
        a
    } else {
        b
    }
}

/// Go's `math.Min`: `-Inf` beats NaN, NaN beats the rest, −0 beats 0.
#[inline]
pub fn go_min(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { a } else { b }
    } else if a < b {
        a
    } else {
        b
    }
}

/// `x` as f·2^e with ½ ≤ |f| < 1. Zero, infinities and NaN come back with e = 0.
fn frexp(x: f64) -> (f64, i32) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    // Subnormal numbers are made normal first.
    let (x, shift) = if x.abs() < f64::MIN_POSITIVE { (x * (1_u64 << 52) as f64, -52) } else { (x, 0) };
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1022;
    (f64::from_bits(bits & !(0x7ff << 52) | 1022 << 52), exponent + shift)
}

/// fraction·2^exponent, rounded once.
fn ldexp(fraction: f64, exponent: i32) -> f64 {
    if fraction == 0.0 || !fraction.is_finite() {
        return fraction;
    }
    let (f, e) = frexp(fraction);
    let exponent = e.saturating_add(exponent);
    if exponent > 1024 {
        return f64::INFINITY.copysign(fraction);
    }
    if exponent < -1074 {
        return 0.0_f64.copysign(fraction);
    }
    if exponent >= -1021 {
        // f has the exponent −1, biased 1022.
        return f64::from_bits(f.to_bits() & !(0x7ff << 52) | ((exponent + 1022) as u64) << 52);
    }
    // Subnormal: the one inexact step is this last multiplication.
    let normal = f64::from_bits(f.to_bits() & !(0x7ff << 52) | ((exponent + 1022 + 60) as u64) << 52);
    normal * f64::from_bits((1023 - 60) << 52)
}

/// Go's `math.Log`. Wrong for subnormal numbers, as it is there.
pub fn log(x: f64) -> f64 {
    const L: [f64; 7] = [
        f64::from_bits(0x3fe5_5555_5555_5593),
        f64::from_bits(0x3fd9_9999_9997_fa04),
        f64::from_bits(0x3fd2_4924_9422_9359),
        f64::from_bits(0x3fcc_71c5_1d8e_78af),
        f64::from_bits(0x3fc7_4664_96cb_03de),
        f64::from_bits(0x3fc3_9a09_d078_c69f),
        f64::from_bits(0x3fc2_f112_df3e_5244),
    ];
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    // Subnormal numbers are split as if they were normal; so does Go's assembly.
    let bits = x.to_bits();
    let mut fraction = f64::from_bits(bits & ((1 << 52) - 1) | 1022 << 52);
    let mut exponent = (bits >> 52) as i32 - 1022;
    if fraction < FRAC_1_SQRT_2 {
        fraction *= 2.0;
        exponent -= 1;
    }
    let (f, k) = (fraction - 1.0, f64::from(exponent));
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    let odd = s2 * (L[0] + s4 * (L[2] + s4 * (L[4] + s4 * L[6])));
    let even = s4 * (L[1] + s4 * (L[3] + s4 * L[5]));
    let r = odd + even;
    let half_square = 0.5 * f * f;
    k * LN_2_HIGH - ((half_square - (s * (half_square + r) + k * LN_2_LOW)) - f)
}

/// Go's `math.Log2`, exact for powers of two.
pub fn log2(x: f64) -> f64 {
    let (fraction, exponent) = frexp(x);
    if fraction == 0.5 {
        return f64::from(exponent - 1);
    }
    log(fraction) * LOG2_E + f64::from(exponent)
}

/// Go's `math.Log10`.
pub fn log10(x: f64) -> f64 {
    log(x) * LOG10_E
}

/// Go's `math.Exp` on a machine with fused multiply-add.
pub fn exp(x: f64) -> f64 {
    const LN_2_UPPER: f64 = 0.693_147_180_559_662_956_511_601_805_686_950_683_593_75;
    const LN_2_LOWER: f64 = 0.282_352_905_630_315_771_225_884_481_750_134e-12;
    const OVERFLOW: f64 = 7.097_827_128_933_84e2;
    const TAYLOR: [f64; 8] = [1.0 / 40_320.0, 1.0 / 5_040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0];
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x > OVERFLOW {
        return f64::INFINITY;
    }
    let n = (x * LOG2_E).round_ties_even();
    // 2^n with n below this is less than half the least subnormal number.
    if n < -1075.0 {
        return 0.0;
    }
    let r = (-n).mul_add(LN_2_UPPER, x);
    let r = (-n).mul_add(LN_2_LOWER, r) * 0.0625;
    let series = TAYLOR[1..].iter().fold(TAYLOR[0], |sum, &c| sum.mul_add(r, c));
    // The series gives e^(x/16) − 1; squaring four times undoes the division.
    let mut y = r * series;
    for _ in 0..3 {
        y *= y + 2.0;
    }
    let y = y.mul_add(y + 2.0, 1.0);
    let exponent = n as i32;
    if exponent + 1023 >= 0x7ff {
        return f64::INFINITY;
    }
    if exponent > -1023 {
        return y * f64::from_bits(((exponent + 1023) as u64) << 52);
    }
    y * f64::from_bits(((exponent + 1022 + 1023) as u64) << 52) * f64::MIN_POSITIVE
}

/// Go's `math.Exp2`.
pub fn exp2(x: f64) -> f64 {
    const P: [f64; 5] = [
        f64::from_bits(0x3fc5_5555_5555_5555),
        f64::from_bits(0xbf66_c16c_16be_bd93),
        f64::from_bits(0x3f11_566a_af25_de2c),
        f64::from_bits(0xbebb_bd41_c5d2_6bf1),
        f64::from_bits(0x3e66_3769_72be_a4d0),
    ];
    if x.is_nan() {
        return x;
    }
    if x > 1.023_999_999_999_999_9e3 {
        return f64::INFINITY;
    }
    if x < -1074.0 {
        return 0.0;
    }
    let k = if x > 0.0 {
        (x + 0.5) as i32
    } else if x < 0.0 {
        (x - 0.5) as i32
    } else {
        0
    };
    let t = x - f64::from(k);
    let (high, low) = (t * LN_2_HIGH, -t * LN_2_LOW);
    let r = high - low;
    let t = r * r;
    let c = r - t * (P[0] + t * (P[1] + t * (P[2] + t * (P[3] + t * P[4]))));
    ldexp(1.0 - ((low - (r * c) / (2.0 - c)) - high), k)
}

/// Go's `math.Pow`.
pub fn pow(x: f64, y: f64) -> f64 {
    let is_odd = |y: f64| y.abs() < (1_u64 << 53) as f64 && y % 2.0 != 0.0 && y.trunc() == y;
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if y == 1.0 {
        return x;
    }
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    // The limits at 0 and ±Inf, as in C.
    if x == 0.0 || x.is_infinite() {
        let grows = (x == 0.0) == (y < 0.0);
        let size = if grows { f64::INFINITY } else { 0.0 };
        return if is_odd(y) { size.copysign(x) } else { size };
    }
    if y.is_infinite() {
        return if x == -1.0 {
            1.0
        } else if (x.abs() < 1.0) == (y > 0.0) {
            0.0
        } else {
            f64::INFINITY
        };
    }
    if y == 0.5 {
        return x.sqrt();
    }
    if y == -0.5 {
        return 1.0 / x.sqrt();
    }
    let (mut whole, mut part) = (y.abs().trunc(), y.abs().fract());
    if part != 0.0 && x < 0.0 {
        return f64::NAN;
    }
    if whole >= 9_223_372_036_854_775_808.0 {
        return if x == -1.0 {
            1.0
        } else if (x.abs() < 1.0) == (y > 0.0) {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let (mut result, mut result_exponent) = (1.0, 0_i32);
    if part != 0.0 {
        if part > 0.5 {
            part -= 1.0;
            whole += 1.0;
        }
        result = exp(part * log(x));
    }
    // Binary powers, with the powers of two kept apart as integers.
    let (mut square, mut square_exponent) = frexp(x);
    let mut bits = whole as i64;
    while bits != 0 {
        if square_exponent.abs() > 1 << 12 {
            // Over- or underflow is certain: a bit that is still to come adds it.
            result_exponent += square_exponent;
            break;
        }
        if bits & 1 == 1 {
            result *= square;
            result_exponent += square_exponent;
        }
        square *= square;
        square_exponent <<= 1;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        bits >>= 1;
    }
    if y < 0.0 {
        result = 1.0 / result;
        result_exponent = -result_exponent;
    }
    ldexp(result, result_exponent)
}

#[cfg(test)]
mod tests;
