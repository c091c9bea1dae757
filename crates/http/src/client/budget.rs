//! What all bodies together may take of memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What every body may have without asking.
const FREE_LEN: usize = 8 << 20;

/// What a body asks for at a time beyond that.
const STEP_LEN: usize = 4 << 20;

/// Memory for long bodies, shared by all clients that are to stay within it: one
/// endless body costs little, a hundred at once would cost everything.
#[derive(Debug)]
pub struct BodyBudget {
    left: AtomicUsize,
}

impl BodyBudget {
    /// So many bytes for what bodies have beyond the first 8 MiB.
    pub fn new(len: usize) -> BodyBudget {
        BodyBudget { left: AtomicUsize::new(len) }
    }

    /// Holds nothing yet.
    pub(crate) fn hold(self: &Arc<BodyBudget>) -> HeldMemory {
        HeldMemory { budget: Arc::clone(self), len: 0 }
    }
}

/// What one body holds of a [`BodyBudget`]; given back when dropped. Keep it as
/// long as the body.
#[derive(Debug)]
#[must_use = "the memory counts as free when this is dropped"]
pub struct HeldMemory {
    budget: Arc<BodyBudget>,
    len: usize,
}

impl HeldMemory {
    /// Makes sure that a body may grow to `len`; false when there is no memory left for it.
    pub(crate) fn grow_to(&mut self, len: usize) -> bool {
        while len > FREE_LEN + self.len {
            let take = |left: usize| left.checked_sub(STEP_LEN);
            if self.budget.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
                return false;
            }
            self.len += STEP_LEN;
        }
        true
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.len, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_bodies_share_what_there_is_and_give_it_back() {
        let budget = Arc::new(BodyBudget::new(2 * STEP_LEN));
        let (mut one, mut two) = (budget.hold(), budget.hold());
        assert!(one.grow_to(FREE_LEN) && two.grow_to(FREE_LEN));
        assert!(one.grow_to(FREE_LEN + 2 * STEP_LEN));
        assert!(!two.grow_to(FREE_LEN + 1));
        drop(one);
        assert!(two.grow_to(FREE_LEN + 1));
    }
}
