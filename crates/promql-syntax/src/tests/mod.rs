//! Tests of the whole path from text to tree and back.

mod corpus;
mod errors;
mod printing;
mod properties;
mod structure;
