//! Reading a body within a limit, inflating it on the way.

use std::io::{self, Write};
use std::mem;

use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::budget::HeldMemory;
use super::exchange::{Ends, io_cause};
use crate::error::BodyError;

/// How much is inflated at once: at the greatest possible ratio (1:1032) 4 MiB
/// come out of it, about 2 ms.
const INFLATE_STEP_LEN: usize = 4 << 10;

/// After how much output other tasks get a chance.
const YIELD_LEN: usize = 512 << 10;

/// What is set aside for a body at once because its header announces it.
const RESERVE_LEN_MAX: usize = 1 << 20;

/// How long a body may become.
pub(super) struct Bounds<'a> {
    /// It must stay shorter than this.
    pub(super) len_max: usize,
    /// And within what is left for all.
    pub(super) held: &'a mut HeldMemory,
}

impl Bounds<'_> {
    fn check(&mut self, len: usize) -> Result<(), BodyError> {
        if len >= self.len_max {
            Err(BodyError::TooLarge)
        } else if !self.held.grow_to(len) {
            Err(BodyError::NoMemory)
        } else {
            Ok(())
        }
    }
}

/// Reads `body` to its end into `out`, which is empty.
pub(super) async fn read(
    body: &mut Incoming,
    headers: &HeaderMap,
    out: &mut Vec<u8>,
    mut bounds: Bounds<'_>,
    ends: Ends,
) -> Result<(), BodyError> {
    // Only exactly this: upstream takes other spellings for an encoding it does not know.
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        return read_gzip(body, out, bounds, ends).await;
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    out.reserve(announced.unwrap_or(0).min(bounds.len_max).min(RESERVE_LEN_MAX));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure(&error, ends))?;
        if let Some(data) = frame.data_ref() {
            bounds.check(out.len() + data.len())?;
            out.extend_from_slice(data);
        }
    }
    bounds.check(out.len())
}

async fn read_gzip(body: &mut Incoming, out: &mut Vec<u8>, bounds: Bounds<'_>, ends: Ends) -> Result<(), BodyError> {
    let mut inflater = MultiGzDecoder::new(Sink { out: mem::take(out), bounds, refused: None });
    let result = inflate(body, &mut inflater, ends).await;
    // The buffer goes back to its owner whatever happened.
    *out = mem::take(&mut inflater.get_mut().out);
    inflater.get_mut().refused = Some(BodyError::TooLarge);
    result
}

async fn inflate(body: &mut Incoming, inflater: &mut MultiGzDecoder<Sink<'_>>, ends: Ends) -> Result<(), BodyError> {
    let mut yielded_at = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure(&error, ends))?;
        let Some(data) = frame.data_ref() else { continue };
        for step in data.chunks(INFLATE_STEP_LEN) {
            if inflater.write_all(step).is_err() {
                return Err(match (inflater.get_mut().refused.take(), inflater.header()) {
                    (Some(refused), _) => refused,
                    (None, None) => BodyError::GzipHeader,
                    (None, Some(_)) => BodyError::GzipCorrupt,
                });
            }
            let len = inflater.get_ref().out.len();
            if len - yielded_at >= YIELD_LEN {
                yielded_at = len;
                tokio::task::yield_now().await;
            }
        }
    }
    let finished = inflater.try_finish();
    let sink = inflater.get_mut();
    match finished {
        Ok(()) => sink.bounds.check(sink.out.len()),
        Err(_) if sink.refused.is_some() => Err(sink.refused.take().unwrap_or(BodyError::TooLarge)),
        Err(_) if inflater.header().is_none() => Err(BodyError::UnexpectedEof),
        Err(_) => Err(BodyError::GzipEnd),
    }
}

/// A buffer that refuses to grow out of its bounds.
struct Sink<'a> {
    out: Vec<u8>,
    bounds: Bounds<'a>,
    /// Why nothing more is taken.
    refused: Option<BodyError>,
}

impl Write for Sink<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.refused.is_none() {
            self.refused = self.bounds.check(self.out.len() + data.len()).err();
        }
        if self.refused.is_some() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.out.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn failure(error: &hyper::Error, ends: Ends) -> BodyError {
    match io_cause(error) {
        Some(cause) => match cause.kind() {
            io::ErrorKind::UnexpectedEof => BodyError::UnexpectedEof,
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => BodyError::Malformed,
            _ => BodyError::Io { ends: ends.into(), source: cause },
        },
        None if error.is_incomplete_message() || error.is_closed() || error.is_canceled() => BodyError::UnexpectedEof,
        None => BodyError::Malformed,
    }
}
