//! A body written piece by piece from a blocking thread.
//!
//! What fits into one piece is sent whole, with its length. What does not is
//! streamed: pieces go through a short queue, and the writer waits when the
//! client is slow, so that an answer never takes more memory than a few pieces.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Size of a piece in bytes.
const PIECE_LEN: usize = 64 * 1024;
/// Pieces waiting for the client.
const QUEUE_LEN: usize = 4;
/// How long a client may take to accept a piece.
const STALL_MAX: Duration = Duration::from_secs(300);
/// Answers are mostly digits: higher levels cost much and gain little.
const COMPRESSION_LEVEL: u32 = 3;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Deflate,
}

impl Encoding {
    /// The first entry of `Accept-Encoding` that is exactly a name known here:
    /// upstream looks at neither quality nor wildcards.
    pub(crate) fn accepted(headers: &HeaderMap) -> Encoding {
        let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
        let mut names = accepted.split(',').map(|name| match name.trim() {
            "gzip" => Some(Encoding::Gzip),
            "deflate" => Some(Encoding::Deflate),
            _ => None,
        });
        names.find_map(|name| name).unwrap_or(Encoding::Identity)
    }

    /// The value of `Content-Encoding`.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Encoding::Identity => None,
            Encoding::Gzip => Some("gzip"),
            Encoding::Deflate => Some("deflate"),
        }
    }
}

enum Compressor {
    None(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
}

impl Compressor {
    fn new(encoding: Encoding) -> Compressor {
        let level = Compression::new(COMPRESSION_LEVEL);
        match encoding {
            Encoding::Identity => Compressor::None(Vec::new()),
            Encoding::Gzip => Compressor::Gzip(GzEncoder::new(Vec::new(), level)),
            Encoding::Deflate => Compressor::Deflate(ZlibEncoder::new(Vec::new(), level)),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let written = match self {
            Compressor::None(out) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Compressor::Gzip(encoder) => encoder.write_all(bytes),
            Compressor::Deflate(encoder) => encoder.write_all(bytes),
        };
        written.expect("writing to memory cannot fail");
    }

    fn pending(&mut self) -> &mut Vec<u8> {
        match self {
            Compressor::None(out) => out,
            Compressor::Gzip(encoder) => encoder.get_mut(),
            Compressor::Deflate(encoder) => encoder.get_mut(),
        }
    }

    fn finish(&mut self) -> Vec<u8> {
        let finished = match std::mem::replace(self, Compressor::None(Vec::new())) {
            Compressor::None(out) => Ok(out),
            Compressor::Gzip(encoder) => encoder.finish(),
            Compressor::Deflate(encoder) => encoder.finish(),
        };
        finished.expect("writing to memory cannot fail")
    }
}

enum Piece {
    Bytes(Bytes),
    /// The body is complete. Without it the writer has died, and the connection
    /// is cut so that the client does not take a part for the whole.
    End,
}

/// Where a blocking thread writes an answer. `T` goes ahead of the body.
pub(crate) struct BodyWriter<T> {
    compressor: Compressor,
    /// Gone once the head was sent.
    head: Option<(T, oneshot::Sender<(T, Body)>)>,
    /// Present while the body is streamed.
    pieces: Option<mpsc::Sender<Piece>>,
    is_broken: bool,
    sent_len: u64,
}

impl<T> BodyWriter<T> {
    /// A writer whose head and body arrive through `reply`.
    pub(crate) fn new(encoding: Encoding, head: T, reply: oneshot::Sender<(T, Body)>) -> BodyWriter<T> {
        BodyWriter {
            compressor: Compressor::new(encoding),
            head: Some((head, reply)),
            pieces: None,
            is_broken: false,
            sent_len: 0,
        }
    }

    /// Whether nobody listens any more; writing has no effect then.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Appends to the body. Waits when the client is slow.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.is_broken {
            return;
        }
        self.compressor.write(bytes);
        if self.compressor.pending().len() >= PIECE_LEN {
            let piece = std::mem::take(self.compressor.pending());
            self.send(Piece::Bytes(piece.into()));
        }
    }

    fn send(&mut self, piece: Piece) {
        if let Piece::Bytes(bytes) = &piece {
            self.sent_len += bytes.len() as u64;
        }
        if let Some((head, reply)) = self.head.take() {
            let (sender, receiver) = mpsc::channel(QUEUE_LEN);
            self.is_broken = reply.send((head, streamed(receiver))).is_err();
            self.pieces = Some(sender);
        }
        let Some(pieces) = &self.pieces else { return };
        let sent = Handle::current().block_on(timeout(STALL_MAX, pieces.send(piece)));
        if !matches!(sent, Ok(Ok(()))) {
            self.is_broken = true;
        }
    }

    /// Sends what is left. Before the client can have the last of it, `count` is
    /// told how many bytes the whole body has.
    pub(crate) fn finish(mut self, count: impl FnOnce(u64)) {
        let rest = self.compressor.finish();
        count(if self.is_broken { self.sent_len } else { self.sent_len + rest.len() as u64 });
        match self.head.take() {
            Some((head, reply)) => {
                // The other side may have gone; then there is nobody to tell.
                drop(reply.send((head, Body::from(rest))));
            }
            None if self.is_broken => {}
            None => {
                self.send(Piece::Bytes(rest.into()));
                self.send(Piece::End);
            }
        }
    }
}

fn streamed(mut pieces: mpsc::Receiver<Piece>) -> Body {
    let mut is_over = false;
    Body::from_stream(futures_util::stream::poll_fn(move |cx| {
        if is_over {
            return std::task::Poll::Ready(None);
        }
        pieces.poll_recv(cx).map(|piece| match piece {
            Some(Piece::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Piece::End) => {
                is_over = true;
                None
            }
            None => {
                is_over = true;
                Some(Err(io::Error::other("the answer was not finished")))
            }
        })
    }))
}
