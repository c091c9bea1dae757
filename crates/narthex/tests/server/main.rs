//! The built program, spoken to as a user would: child processes in fresh
//! directories, real sockets, no shortcuts.

mod api;
mod bad_input;
mod crash;
mod lifecycle;
mod queries;
mod scraping;
mod util;
