//! YAML as Prometheus reads and prints it: go-yaml's rules of version 2 (YAML
//! 1.1 scalars, strict keys, type errors collected with their lines) over a
//! maintained parser's events.
//!
//! - [`node`]: [`Document`], a parsed text, and [`Node`], a place in it.
//! - [`scalar`]: what a plain scalar means.
//! - [`decode`]: [`Decode`], from a node to a typed value; [`Decoder`], which
//!   collects what is wrong.
//! - [`values`]: decoding of the basic types.
//! - [`value`]: [`Value`], what is printed.
//! - [`writer`]: printing as go-yaml prints.
//! - [`error`]: why a text was refused.
//!
//! Everything is bounded: the length of the text, its nesting, and how much its
//! aliases expand to. This crate knows no configuration.

pub mod decode;
pub mod error;
pub mod node;
pub mod scalar;
pub mod value;
pub mod values;
pub mod writer;

pub use decode::{Abort, Decode, Decoder, Field, decode};
pub use error::{Error, Place};
pub use node::{Document, Node};
pub use scalar::Scalar;
pub use value::Value;
pub use writer::to_string;
