//! Messages out of the body of a request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use poem::Body;
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

use super::status::{Code, Status};

/// The messages that a client sends on a stream.
pub(crate) struct Messages {
    under_way: UnderWay,
    /// When the message under way is given up.
    overdue: Option<Pin<Box<Sleep>>>,
}

/// The message that is arriving. It takes only the memory that it needs, and hardly any between two messages.
struct UnderWay {
    body: BoxBody<Bytes, io::Error>,
    buffer: BytesMut,
    /// The most bytes of one message.
    limit: usize,
    /// Room for messages that are not small, in KiB, and what this one has of it.
    room: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Messages {
    /// How long a message that has begun may take to arrive.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// The messages in a body, which share room in KiB with those of other streams.
    pub(crate) fn new(body: Body, limit: usize, room: &Arc<Semaphore>) -> Self {
        let under_way = UnderWay {
            body: body.into(),
            buffer: BytesMut::new(),
            limit,
            room: Arc::clone(room),
            taken: None,
        };
        Self {
            under_way,
            overdue: None,
        }
    }

    /// The next message; None when the client has sent its last. Nothing is lost when this is cancelled.
    pub(crate) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, Status> {
        loop {
            if let Some(message) = self.under_way.take()? {
                self.overdue = None;
                return Ok(Some(message));
            }
            if self.under_way.buffer.is_empty() {
                if !self.under_way.fill().await? {
                    return Ok(None);
                }
                continue;
            }
            let patience = || Box::pin(sleep(Self::PATIENCE));
            let goes_on = tokio::select! {
                goes_on = self.under_way.fill() => goes_on?,
                () = self.overdue.get_or_insert_with(patience) => {
                    let wrong = format!("a message must arrive within {:?}", Self::PATIENCE);
                    return Err(Status::new(Code::DeadlineExceeded, wrong));
                }
            };
            if !goes_on {
                let wrong = "the stream ended within a message";
                return Err(Status::new(Code::InvalidArgument, wrong));
            }
        }
    }
}

impl UnderWay {
    /// The compression flag and the length.
    const PREFIX: usize = 5;
    /// A message of that size needs no room: the first of an Envoy, which describes it, has some 61 KB.
    const SMALL: usize = 64 * 1024;

    /// The length of the message, once it is known.
    fn length(&self) -> Result<Option<usize>, Status> {
        let Some(&[flag, a, b, c, d]) = self.buffer.first_chunk::<{ Self::PREFIX }>() else {
            return Ok(None);
        };
        if flag != 0 {
            let wrong = "messages must not be compressed";
            return Err(Status::new(Code::Unimplemented, wrong));
        }
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > self.limit {
            let most = self.limit;
            let wrong = format!("a message must have at most {most} bytes, this one has {length}");
            return Err(Status::new(Code::ResourceExhausted, wrong));
        }
        Ok(Some(length))
    }

    /// Takes the message out if it is there.
    fn take<M: Message + Default>(&mut self) -> Result<Option<M>, Status> {
        let whole = self.length()?.map(|length| Self::PREFIX + length);
        let Some(whole) = whole.filter(|whole| *whole <= self.buffer.len()) else {
            return Ok(None);
        };
        let message = M::decode(&self.buffer[Self::PREFIX..whole]);
        self.buffer = BytesMut::from(&self.buffer[whole..]);
        self.taken = None;
        message.map(Some).map_err(|error| {
            let wrong = format!("a message can't be read: {error}");
            Status::new(Code::InvalidArgument, wrong)
        })
    }

    /// Waits for more bytes, and first for room if there is much to come; tells whether there are any.
    async fn fill(&mut self) -> Result<bool, Status> {
        if let Some(length) = self.length()?.filter(|length| *length > Self::SMALL)
            && self.taken.is_none()
        {
            let kibibytes = u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX);
            let room = Arc::clone(&self.room).acquire_many_owned(kibibytes).await;
            self.taken = room.ok();
            self.buffer.reserve(length);
        }
        match self.body.frame().await {
            None => Ok(false),
            Some(Ok(frame)) => {
                self.buffer.extend(frame.into_data().ok());
                Ok(true)
            }
            Some(Err(_gone)) => Err(Status::new(Code::Cancelled, "the client has gone")),
        }
    }
}
