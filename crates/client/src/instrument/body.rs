//! The body of an answer, whose bytes are counted as they go.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Call;

pin_project! {
    /// The body of an [`super::Instrumented`] service's answer: that of the service within.
    pub struct InstrumentedBody<B> {
        #[pin]
        inner: B,
        // Ends the request when dropped.
        call: Option<Call>,
    }
}

impl<B: Body> InstrumentedBody<B> {
    pub(super) fn new(inner: B, call: Option<Call>) -> InstrumentedBody<B> {
        // Nobody need ask an empty body for its end.
        let call = if inner.is_end_stream() { None } else { call };
        InstrumentedBody { inner, call }
    }
}

impl<B> std::fmt::Debug for InstrumentedBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstrumentedBody").finish_non_exhaustive()
    }
}

impl<B: Default> Default for InstrumentedBody<B> {
    fn default() -> InstrumentedBody<B> {
        InstrumentedBody { inner: B::default(), call: None }
    }
}

impl<B: Body> Body for InstrumentedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        if let (Some(call), Some(Ok(frame))) = (&mut *this.call, &frame) {
            call.response_bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64);
        }
        if frame.is_none() || this.inner.is_end_stream() {
            *this.call = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
