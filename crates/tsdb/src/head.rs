//! The part of the database that takes samples: series grouped by where they
//! come from, their open chunks in memory.
//!
//! # The sketch
//!
//! All series of a scrape share its timestamp, so a group keeps the timestamps
//! of its open chunks once, as columns ([`group`]); a series keeps its values
//! ([`series`]), coded as in Prometheus' XOR chunks but without timestamps, and
//! the first and the number of its columns. The last, incomplete 64 bits of a
//! series' values stand in its state; complete words go to chains of blocks of
//! the group ([`slab`]). So a sample touches 40 bytes of state, walked in
//! order, and about every third changed value one line of a block.
//!
//! | bytes per series | |
//! |---|---|
//! | state, id | 44 |
//! | values of an open chunk, half full, with slack | 40–110 |
//! | index: place, hash entry, two postings, order | 16 + 8 + 8 + 8 |
//!
//! After 120 columns (the first time in a chunk range fewer, so that groups are
//! not in step), or when time passes a multiple of the chunk range, the
//! whole group is sealed: every series' chunk is re-coded with its timestamps as
//! Prometheus would have it and the batch goes to a head chunk file; 64 bytes of
//! memory remain per batch, none per series. Exceptions live beside the arrays:
//! a series that missed columns has a bitmap of those it has; a series with
//! timestamps of its own has an ordinary XOR chunk ([`own`]); native histograms
//! have a list.
//!
//! # What a reader sees
//!
//! A commit holds the lock of its group from its first check to its last append
//! and takes its number from the database's counter just before it lets go. A
//! querier remembers the counter as it was when it was made. Reading takes the
//! group's lock, so it finds only finished commits, and leaves out the samples
//! of commits with a greater number; the group remembers which those are as long
//! as a querier is open that must not see them ([`marks`]).

pub(crate) mod commit;
pub(crate) mod group;
pub(crate) mod image;
pub(crate) mod marks;
pub(crate) mod own;
pub(crate) mod read;
pub(crate) mod series;
pub(crate) mod slab;
