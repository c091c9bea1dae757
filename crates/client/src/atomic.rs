//! Floats in atomic words.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Adds to the float whose bits `word` holds.
#[inline]
pub(crate) fn add_float(word: &AtomicU64, amount: f64) {
    let mut old = word.load(Relaxed);
    loop {
        let new = (f64::from_bits(old) + amount).to_bits();
        match word.compare_exchange_weak(old, new, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(now) => old = now,
        }
    }
}
