//! Which samples of a group belong to commits that some open querier must not see.

use std::collections::VecDeque;

use roaring::RoaringBitmap;

/// The trace of one commit in one group.
#[derive(Debug)]
struct Mark {
    /// The commit's number.
    commit: u64,
    /// The time of its shared samples, `None` when it had none.
    timestamp: Option<i64>,
    /// Their slots; `None` when every sample of the group at that time is the commit's.
    slots: Option<RoaringBitmap>,
    /// Its other samples: slot and time.
    timed: Vec<(u32, i64)>,
}

/// The commits of a group since the oldest open querier, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    marks: VecDeque<Mark>,
}

impl Marks {
    /// Forgets commits that every open and every later querier sees.
    pub(crate) fn forget_through(&mut self, commit: u64) {
        while self.marks.front().is_some_and(|mark| mark.commit <= commit) {
            self.marks.pop_front();
        }
    }

    pub(crate) fn push(
        &mut self,
        commit: u64,
        timestamp: Option<i64>,
        slots: Option<RoaringBitmap>,
        timed: Vec<(u32, i64)>,
    ) {
        self.marks.push_back(Mark { commit, timestamp, slots, timed });
    }

    /// The times of the samples in `slot` that came after `commit`; in no order.
    pub(crate) fn hidden(&self, slot: u32, commit: u64, out: &mut Vec<i64>) {
        for mark in self.marks.iter().rev().take_while(|mark| mark.commit > commit) {
            if let Some(timestamp) = mark.timestamp
                && mark.slots.as_ref().is_none_or(|slots| slots.contains(slot))
            {
                out.push(timestamp);
            }
            out.extend(mark.timed.iter().filter(|timed| timed.0 == slot).map(|timed| timed.1));
        }
    }
}
