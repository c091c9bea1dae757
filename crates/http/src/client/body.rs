//! Reading a body within a limit, inflating it on the way.

use std::io::{self, Write};
use std::mem;

use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::exchange::{Ends, io_cause};
use crate::error::BodyError;

/// How much is inflated at once: at the greatest possible ratio (1:1032) 4 MiB
/// come out of it, about 2 ms.
const INFLATE_STEP_LEN: usize = 4 << 10;

/// After how much output other tasks get a chance.
const YIELD_LEN: usize = 512 << 10;

/// What is set aside for a body at once because its header announces it.
const RESERVE_LEN_MAX: usize = 1 << 20;

/// Reads `body` to its end into `out`, which is empty.
pub(super) async fn read(
    body: &mut Incoming,
    headers: &HeaderMap,
    out: &mut Vec<u8>,
    len_max: usize,
    ends: Ends,
) -> Result<(), BodyError> {
    // Only exactly this: upstream takes other spellings for an encoding it does not know.
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        return read_gzip(body, out, len_max, ends).await;
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    out.reserve(announced.unwrap_or(0).min(len_max).min(RESERVE_LEN_MAX));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure(&error, ends))?;
        if let Some(data) = frame.data_ref() {
            if out.len() + data.len() >= len_max {
                return Err(BodyError::TooLarge);
            }
            out.extend_from_slice(data);
        }
    }
    if out.len() >= len_max { Err(BodyError::TooLarge) } else { Ok(()) }
}

async fn read_gzip(body: &mut Incoming, out: &mut Vec<u8>, len_max: usize, ends: Ends) -> Result<(), BodyError> {
    let mut inflater = MultiGzDecoder::new(Sink { out: mem::take(out), len_max, is_full: false });
    let result = inflate(body, &mut inflater, ends).await;
    // The buffer goes back to its owner whatever happened.
    *out = mem::take(&mut inflater.get_mut().out);
    inflater.get_mut().is_full = true;
    result
}

async fn inflate(body: &mut Incoming, inflater: &mut MultiGzDecoder<Sink>, ends: Ends) -> Result<(), BodyError> {
    let mut yielded_at = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure(&error, ends))?;
        let Some(data) = frame.data_ref() else { continue };
        for step in data.chunks(INFLATE_STEP_LEN) {
            if inflater.write_all(step).is_err() {
                return Err(match (inflater.get_ref().is_full, inflater.header()) {
                    (true, _) => BodyError::TooLarge,
                    (false, None) => BodyError::GzipHeader,
                    (false, Some(_)) => BodyError::GzipCorrupt,
                });
            }
            let len = inflater.get_ref().out.len();
            if len - yielded_at >= YIELD_LEN {
                yielded_at = len;
                tokio::task::yield_now().await;
            }
        }
    }
    match inflater.try_finish() {
        Ok(()) if inflater.get_ref().out.len() >= inflater.get_ref().len_max => Err(BodyError::TooLarge),
        Ok(()) => Ok(()),
        Err(_) if inflater.get_ref().is_full => Err(BodyError::TooLarge),
        Err(_) if inflater.header().is_none() => Err(BodyError::UnexpectedEof),
        Err(_) => Err(BodyError::GzipEnd),
    }
}

/// A buffer that refuses to grow to its limit.
struct Sink {
    out: Vec<u8>,
    len_max: usize,
    is_full: bool,
}

impl Write for Sink {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.is_full || self.out.len() + data.len() >= self.len_max {
            self.is_full = true;
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
