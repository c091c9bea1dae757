//! The whole router, asked over HTTP types, with the real engine over a small
//! store in memory.

mod api;
mod management;
mod others;
mod streaming;
mod world;
