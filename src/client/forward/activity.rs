//! Silence: the time for which nothing has moved on a connection.
//!
//! A deadline over the whole exchange would cut off a long upload that goes well, and one from the
//! last byte read a server that rightly says nothing until it has the whole request. So every byte
//! that moves, either way, counts, and while the request's own body is waited for nobody is silent.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::{Instant, Sleep, sleep_until};

/// The time at which something last moved. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    moved: Instant,
    /// True while the request's body has been asked for more and has not given it.
    awaits_body: bool,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { moved: Instant::now(), awaits_body: false })))
    }

    fn note(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().expect("nothing panics while it holds the lock"));
    }

    fn moved(&self) {
        self.note(|state| state.moved = Instant::now());
    }

    /// The moment from which on nothing has moved.
    fn still_since(&self) -> Instant {
        let state = self.0.lock().expect("nothing panics while it holds the lock");
        if state.awaits_body { Instant::now() } else { state.moved }
    }
}

/// A wait that ends when nothing has moved for so long.
pub(super) struct Silence {
    activity: Activity,
    patience: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Silence {
    pub(super) fn new(activity: Activity, patience: Duration) -> Self {
        let sleep = Box::pin(sleep_until(Instant::now() + patience));
        Self { activity, patience, sleep }
    }

    /// Begins anew: whatever was still until now was not waited for.
    pub(super) fn restart(&mut self) {
        self.activity.moved();
        self.sleep.as_mut().reset(Instant::now() + self.patience);
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let end = self.activity.still_since() + self.patience;
            if end <= Instant::now() {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(end);
        }
    }
}

/// A connection whose every byte is noted.
pub(super) struct WatchedStream<S> {
    pub(super) stream: S,
    pub(super) activity: Activity,
}

impl<S: Read + Unpin> Read for WatchedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        self.activity.moved();
        Poll::Ready(read)
    }
}

impl<S: Write + Unpin> Write for WatchedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.activity.moved();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices));
        self.activity.moved();
        Poll::Ready(written)
    }
}

/// A request's body that notes whether it is waited for.
pub(super) struct WatchedBody<B> {
    pub(super) body: B,
    pub(super) activity: Activity,
}

impl<B: Body + Unpin> Body for WatchedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.activity.note(|state| {
            state.awaits_body = polled.is_pending();
            state.moved = Instant::now();
        });
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for WatchedBody<B> {
    fn drop(&mut self) {
        self.activity.note(|state| state.awaits_body = false);
    }
}
