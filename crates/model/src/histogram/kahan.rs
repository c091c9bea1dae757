//! Compensated addition.

/// Adds `value` to a `sum` whose lost digits are in `compensation`; both are returned.
///
/// Kahan's method with Neumaier's improvement; the compensation of an infinite
/// sum is 0, so that it does not become NaN.
#[inline]
pub fn kahan_add(value: f64, sum: f64, compensation: f64) -> (f64, f64) {
    let total = sum + value;
    let compensation = if total.is_infinite() {
        0.0
    } else if sum.abs() >= value.abs() {
        compensation + ((sum - total) + value)
    } else {
        compensation + ((value - total) + sum)
    };
    (total, compensation)
}
