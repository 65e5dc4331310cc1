//! What happens on a connection, noted at next to no cost for each request.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Written by the stream and the requests of one connection, read by its watchdog.
#[derive(Default)]
pub(super) struct Activity {
    /// Requests begun so far.
    requests: AtomicUsize,
    /// Requests that wait for their answer.
    waiting: AtomicUsize,
    /// Whether bytes came since then that did not belong to a request that waits: the begin of another's head.
    head: AtomicBool,
    /// Whether anything happened since it was last asked.
    moved: AtomicBool,
}

impl Activity {
    /// Notes that a request is there, up to its body. It waits until the guard is dropped.
    pub(super) fn begin_request(self: &Arc<Self>) -> Waiting {
        self.requests.fetch_add(1, Relaxed);
        self.waiting.fetch_add(1, Relaxed);
        self.head.store(false, Relaxed);
        self.moved.store(true, Relaxed);
        Waiting(Arc::clone(self))
    }

    /// Whether no request has come yet.
    pub(super) fn is_new(&self) -> bool {
        self.requests.load(Relaxed) == 0
    }

    /// Whether a request waits for its answer.
    pub(super) fn is_answering(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }

    /// The number of the request whose head has begun and is not complete.
    pub(super) fn open_head(&self) -> Option<usize> {
        self.head.load(Relaxed).then(|| self.requests.load(Relaxed))
    }

    /// Whether anything happened since this was last asked.
    pub(super) fn take_moved(&self) -> bool {
        self.moved.swap(false, Relaxed)
    }

    fn note_read(&self) {
        self.moved.store(true, Relaxed);
        if !self.is_answering() {
            self.head.store(true, Relaxed);
        }
    }
}

/// A request that waits for its answer.
pub(super) struct Waiting(Arc<Activity>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
        self.0.moved.store(true, Relaxed);
    }
}

/// A stream that notes when bytes move.
pub(super) struct Watched {
    pub(super) stream: TcpStream,
    pub(super) activity: Arc<Activity>,
}

impl Watched {
    fn note_written(&self, written: io::Result<usize>) -> Poll<io::Result<usize>> {
        self.activity.moved.store(true, Relaxed);
        Poll::Ready(written)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.activity.note_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.note_written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices));
        self.note_written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
