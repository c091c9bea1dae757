//! Sample values: floats whose NaN payload carries meaning.

/// The bits of the staleness marker, a NaN of its own.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;
/// The bits of an ordinary NaN, as upstream writes it.
pub const NORMAL_NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// The staleness marker: the sample that says "this series ended here".
pub const STALE_NAN: f64 = f64::from_bits(STALE_NAN_BITS);
/// An ordinary NaN with the bits upstream's parsers produce.
pub const NORMAL_NAN: f64 = f64::from_bits(NORMAL_NAN_BITS);

/// Whether `value` is the staleness marker. Any other NaN is not.
#[inline]
pub fn is_stale_nan(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marker_is_stale() {
        assert!(is_stale_nan(STALE_NAN));
        assert!(!is_stale_nan(f64::NAN));
        assert!(!is_stale_nan(NORMAL_NAN));
        assert!(!is_stale_nan(0.0));
    }
}
