//! What our servers and clients share about HTTP.
//!
//! - [`url`]: [`Url`], an address to fetch from, and how a redirect changes it.
//! - [`client`]: [`Client`], which fetches from one server over one kept
//!   connection, within a deadline and a size limit.
//! - [`error`]: what may go wrong, in the words of Go's client, because users
//!   read them on the targets page and grep for them in logs.
//!
//! No TLS and no credentials yet: an `https` address is an error that says so.

pub mod client;
pub mod error;
pub mod url;

pub use client::{BODY_LEN_MAX, BodyBudget, Client, Endpoint, HeldMemory, Response};
pub use error::{BodyError, Failure, RequestError, UrlError};
pub use url::{Scheme, Url};
