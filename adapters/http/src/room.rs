//! Room in memory for the bodies of requests, of which there may be many on few connections.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use poem::http::Method;
use poem::http::header::CONTENT_LENGTH;
use poem::{Body, Request};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Room that all requests share, in KiB.
pub(crate) struct Room(Arc<Semaphore>);

/// What one request takes of the room, until it is answered.
#[derive(Clone, Default)]
pub(crate) struct Held(Option<Arc<OnceLock<Option<OwnedSemaphorePermit>>>>);

/// A body on its way.
struct Arriving<S> {
    chunks: S,
    bytes: usize,
    /// Whether it waits for room before anything of it is read.
    waits: bool,
    /// What it takes of the room.
    kibibytes: u32,
    room: Arc<Semaphore>,
    held: Held,
}

impl Room {
    /// All of it.
    const KIBIBYTES: usize = 16 * 1024;
    /// A body of that many bytes takes none: a usual check-in has a tenth of it.
    const SMALL: usize = 4 * 1024;
    /// The most that is kept of any body, in bytes.
    const LARGEST: usize = 1024 * 1024;
    /// How long a body waits for room.
    const PATIENCE: Duration = Duration::from_secs(5);

    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(Self::KIBIBYTES)))
    }

    /// Bounds what is kept of a request's body. The whole is taken at once, so that no two bodies ever wait for each
    /// other, and nothing is read of a body that waits: one that does not say how long it is can't wait any more when
    /// it turns out not to be small.
    pub(crate) fn admit(&self, request: &mut Request) -> Held {
        let length = length(request);
        if *request.method() != Method::POST || length.is_some_and(|length| length <= Self::SMALL) {
            return Held::default();
        }
        let kept = length.map_or(Self::LARGEST, |length| length.min(Self::LARGEST));
        let held = Held(Some(Arc::default()));
        let arriving = Arriving {
            chunks: request.take_body().into_bytes_stream().boxed(),
            bytes: 0,
            waits: length.is_some(),
            kibibytes: u32::try_from(kept.div_ceil(1024)).expect("it is a thousand at most"),
            room: Arc::clone(&self.0),
            held: held.clone(),
        };
        request.set_body(Body::from_bytes_stream(arriving.admitted()));
        held
    }
}

impl Held {
    /// Whether a body has waited in vain.
    pub(crate) fn nothing(&self) -> bool {
        matches!(self.taken(), Some(None))
    }

    fn taken(&self) -> Option<&Option<OwnedSemaphorePermit>> {
        self.0.as_ref()?.get()
    }

    fn set(&self, taken: Option<OwnedSemaphorePermit>) {
        if let Some(held) = &self.0 {
            // Nobody else sets it: a body is read by one reader.
            let _first = held.set(taken);
        }
    }
}

impl<S: Stream<Item = io::Result<Bytes>> + Send + Unpin> Arriving<S> {
    fn admitted(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::unfold(self, async |mut arriving| {
            let chunk = arriving.next().await?;
            Some((chunk, arriving))
        })
    }

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if std::mem::take(&mut self.waits) {
            let room = Arc::clone(&self.room).acquire_many_owned(self.kibibytes);
            let taken = timeout(Room::PATIENCE, room).await;
            self.held.set(taken.ok().and_then(Result::ok));
        }
        if self.held.nothing() {
            return Some(Err(io::Error::other("there is no room for it")));
        }
        let chunk = self.chunks.next().await?;
        self.bytes += chunk.as_ref().map_or(0, Bytes::len);
        if self.bytes > Room::SMALL && self.held.taken().is_none() {
            let room = Arc::clone(&self.room).try_acquire_many_owned(self.kibibytes);
            self.held.set(room.ok());
            if self.held.nothing() {
                return Some(Err(io::Error::other("there is no room for it")));
            }
        }
        Some(chunk)
    }
}

/// How long the body will be, where its client says so.
fn length(request: &Request) -> Option<usize> {
    let length = request.headers().get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}
