//! Hyperbolic functions as Go rounds them.

use std::f64::consts::LN_2;

use super::{exp, log};

/// Beyond this, `x² ± 1` is `x²`: the inverse functions take the logarithm of `2x`
/// in two parts, which cannot overflow. The standard library's do overflow.
const LARGE: f64 = (1u64 << 28) as f64;

/// Beyond this, `e⁻ˣ` is lost beside `eˣ`.
const ONE_SIDED: f64 = 21.0;

/// Inverse hyperbolic sine.
pub fn asinh(x: f64) -> f64 {
    let size = x.abs();
    let result = if x.is_nan() || x.is_infinite() {
        return x;
    } else if size > LARGE {
        log(size) + LN_2
    } else if size > 2.0 {
        log(2.0 * size + 1.0 / ((size * size + 1.0).sqrt() + size))
    } else if size < 1.0 / LARGE {
        size
    } else {
        (size + size * size / (1.0 + (1.0 + size * size).sqrt())).ln_1p()
    };
    result.copysign(x)
}

/// Inverse hyperbolic cosine; NaN below 1.
pub fn acosh(x: f64) -> f64 {
    if x >= LARGE {
        log(x) + LN_2
    } else if x > 2.0 {
        log(2.0 * x - 1.0 / (x + (x * x - 1.0).sqrt()))
    } else if x >= 1.0 {
        let above_one = x - 1.0;
        (above_one + (2.0 * above_one + above_one * above_one).sqrt()).ln_1p()
    } else {
        f64::NAN
    }
}

/// Hyperbolic sine. Close to 0, where the difference of powers cancels, it is the
/// standard library's.
pub fn sinh(x: f64) -> f64 {
    let size = x.abs();
    let result = if size > ONE_SIDED {
        exp(size) * 0.5
    } else if size > 0.5 {
        let power = exp(size);
        (power - 1.0 / power) * 0.5
    } else {
        return x.sinh();
    };
    result.copysign(x)
}

/// Hyperbolic cosine.
pub fn cosh(x: f64) -> f64 {
    let power = exp(x.abs());
    if x.abs() > ONE_SIDED { power * 0.5 } else { (power + 1.0 / power) * 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        assert_eq!(acosh(f64::MAX), 710.4758600739439);
        assert_eq!(asinh(f64::MIN), -710.4758600739439);
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(asinh(x).to_bits(), x.to_bits());
        }
        assert_eq!((acosh(1.0), acosh(f64::INFINITY)), (0.0, f64::INFINITY));
        assert!(acosh(0.5).is_nan() && acosh(f64::NAN).is_nan());
        assert!(asinh(-0.0).is_sign_negative() && sinh(-0.0).is_sign_negative());
        assert_eq!((sinh(f64::NEG_INFINITY), cosh(f64::NEG_INFINITY)), (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn results_are_close_to_the_standard_librarys() {
        let close = |a: f64, b: f64| (a - b).abs() <= 4.0 * f64::EPSILON * b.abs();
        for x in [1e-9, 1e-3, 0.3, 0.7, 1.5, 3.0, 20.0, 30.0] {
            assert!(close(asinh(x), x.asinh()) && close(asinh(-x), -x.asinh()), "asinh({x})");
            assert!(close(sinh(x), x.sinh()) && close(cosh(x), x.cosh()), "sinh, cosh({x})");
            // Close to 1 the standard library is the one that loses digits.
            assert!(close(acosh(1.0 + x), (1.0 + x).acosh()) || x < 0.1, "acosh(1 + {x})");
        }
    }
}
