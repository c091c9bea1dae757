//! Addresses as people type them.
//!
//! `curl -g 'localhost:9090/api/v1/query?query=up{job="x"}'` sends the quotes as
//! they are. Go's server takes them, and scripts rely on it; hyper refuses the
//! request. [`Tolerant`] stands between the socket and hyper and
//! percent-encodes the few such characters in the first line of a request.
//!
//! It must know where a request begins: after the blank line of the one before,
//! as long as none had a body. From the first method on that may have one, bytes
//! pass as they are.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at a time while lines are looked at.
const READ_LEN: usize = 4096;

/// A connection whose request lines are made acceptable.
pub(crate) struct Tolerant<S> {
    inner: S,
    place: Place,
    /// What was read and rewritten but did not fit.
    pending: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the method, of which so many letters have matched `GET `.
    Method(usize),
    /// In the rest of the first line.
    Line,
    /// In the headers, of whose end so many bytes have matched.
    Headers(usize),
    /// Where nothing is rewritten any more.
    Rest,
}

const METHOD: &[u8] = b"GET ";
const END: &[u8] = b"\r\n\r\n";

impl<S> Tolerant<S> {
    pub(crate) fn new(inner: S) -> Tolerant<S> {
        Tolerant { inner, place: Place::Method(0), pending: Vec::new() }
    }
}

impl Place {
    /// Passes `bytes` on to `out`, rewritten.
    fn rewrite(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            *self = match *self {
                Place::Method(matched) if METHOD[matched] == byte => {
                    if matched + 1 == METHOD.len() {
                        Place::Line
                    } else {
                        Place::Method(matched + 1)
                    }
                }
                Place::Method(_) => Place::Rest,
                Place::Line if byte == b'\n' => Place::Headers(2),
                Place::Line => Place::Line,
                Place::Headers(matched) if END[matched] == byte => {
                    if matched + 1 == END.len() {
                        Place::Method(0)
                    } else {
                        Place::Headers(matched + 1)
                    }
                }
                Place::Headers(_) => Place::Headers(usize::from(byte == END[0])),
                Place::Rest => Place::Rest,
            };
            match byte {
                b'"' if *self == Place::Line => out.extend_from_slice(b"%22"),
                b'<' if *self == Place::Line => out.extend_from_slice(b"%3C"),
                b'>' if *self == Place::Line => out.extend_from_slice(b"%3E"),
                byte => out.push(byte),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tolerant<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.pending.is_empty() {
            if this.place == Place::Rest {
                return Pin::new(&mut this.inner).poll_read(cx, buf);
            }
            let mut bytes = [0; READ_LEN];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut read))?;
            this.place.rewrite(read.filled(), &mut this.pending);
        }
        let len = this.pending.len().min(buf.remaining());
        buf.put_slice(&this.pending[..len]);
        this.pending.drain(..len);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tolerant<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &str, want: &str) {
        for step in [1, 3, sent.len()] {
            let (mut place, mut out) = (Place::Method(0), Vec::new());
            for part in sent.as_bytes().chunks(step) {
                place.rewrite(part, &mut out);
            }
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn quotes_and_angles_of_the_first_line_are_encoded() {
        check(
            "GET /?q=a{b=\"c\"}<2>1 HTTP/1.1\r\nX: \"<\"\r\n\r\nGET /\"x HTTP/1.1\r\n\r\n",
            "GET /?q=a{b=%22c%22}%3C2%3E1 HTTP/1.1\r\nX: \"<\"\r\n\r\nGET /%22x HTTP/1.1\r\n\r\n",
        );
    }

    #[test]
    fn bodies_are_left_alone() {
        let post = "POST /\" HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET \"\r\n\r\nGET \"<>\"\r\n\r\n";
        check(post, post);
    }
}
