//! One stream: it waits for requests and for news, and says what the session makes of them.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use hyper::body::Frame;
use poem::http::HeaderMap;
use prost::Message;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Level, debug, enabled, info, warn};

use super::Shared;
use super::encode::{self, Pieces};
use super::messages::Messages;
use super::status::{Code, Status};
use crate::kind::Kind;
use crate::resources::{Full, Mailbox};
use crate::session::{Delta, Heard, Refusal, Response, Session, Sotw, Subscription, Verdict};

/// A way to lead a session over gRPC.
pub(crate) trait Protocol:
    Subscription<Request: Message + Default> + Send + 'static
{
    /// What logs call it.
    const NAME: &'static str;

    /// Writes a response.
    fn encode(response: &Response) -> Pieces;
}

impl Protocol for Sotw {
    const NAME: &'static str = "sotw";

    fn encode(response: &Response) -> Pieces {
        encode::sotw(response)
    }
}

impl Protocol for Delta {
    const NAME: &'static str = "delta";

    fn encode(response: &Response) -> Pieces {
        encode::delta(response)
    }
}

/// A stream and all that is kept for it. What it is going to say is made only when it can be sent, so that a client
/// that is slow to read finds what is current by then.
pub(crate) struct Conversation<S: Protocol> {
    shared: Arc<Shared>,
    session: Session<S>,
    requests: Messages,
    mailbox: Arc<Mailbox>,
    /// The pieces of the last response that are still to be sent.
    unsent: VecDeque<Bytes>,
    /// Whether the client has said who it is.
    introduced: bool,
    _place: OwnedSemaphorePermit,
}

impl<S: Protocol> Conversation<S> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        session: Session<S>,
        requests: Messages,
        place: OwnedSemaphorePermit,
    ) -> Self {
        shared.metrics.streams.inc();
        Self {
            mailbox: shared.feed.resources().open(),
            shared,
            session,
            requests,
            unsent: VecDeque::new(),
            introduced: false,
            _place: place,
        }
    }

    /// Everything that is said, up to the status at the end.
    pub(crate) fn frames(self) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
        stream::unfold(Some(self), async |conversation| {
            let mut conversation = conversation?;
            Some(match conversation.next_piece().await {
                Ok(piece) => (Ok(Frame::data(piece)), Some(conversation)),
                Err(status) => (Ok(Frame::trailers(conversation.ends(&status))), None),
            })
        })
    }

    async fn next_piece(&mut self) -> Result<Bytes, Status> {
        loop {
            if let Some(piece) = self.unsent.pop_front() {
                return Ok(piece);
            }
            if let Some(response) = self.session.tell(self.shared.feed.resources()) {
                self.unsent = S::encode(&response).into();
                self.said(&response);
                continue;
            }
            tokio::select! {
                request = self.requests.next::<S::Request>() => match request? {
                    Some(request) => self.hear(&request)?,
                    None => return Err(Status::DONE),
                },
                () = self.mailbox.arrival() => {
                    let news = self.mailbox.take();
                    if news.stopped {
                        return Err(Status::new(Code::Unavailable, "this node is stopping"));
                    }
                    self.session.note(&news);
                }
            }
        }
    }

    fn hear(&mut self, request: &S::Request) -> Result<(), Status> {
        let heard = self.session.hear(request)?;
        if !std::mem::replace(&mut self.introduced, true) {
            info!(
                node = self.session.node(),
                protocol = S::NAME,
                "discovery stream opened"
            );
        }
        self.shared
            .feed
            .resources()
            .unwatch(&self.mailbox, &heard.unwatch);
        self.note_verdict(&heard);
        let watching = self.shared.feed.watch(&self.mailbox, &heard.watch);
        watching.map_err(|full| {
            self.shared.metrics.refused_subscriptions.inc();
            full.into()
        })
    }

    fn note_verdict(&self, heard: &Heard) {
        let node = self.session.node();
        let Some(kind) = heard.kind else {
            debug!(node, "asks for a kind of resource that is not served");
            return;
        };
        let (metrics, label) = (&self.shared.metrics, kind.into());
        match &heard.verdict {
            Verdict::Silent | Verdict::Again => {}
            Verdict::Ack => _ = metrics.acks.get_or_create(&label).inc(),
            Verdict::Stale => _ = metrics.stale_nonces.get_or_create(&label).inc(),
            Verdict::Nack(reason) => {
                metrics.rejections.get_or_create(&label).inc();
                let reason: String = reason.chars().take(512).collect();
                warn!(
                    node,
                    kind = kind.as_str(),
                    reason,
                    "a response was rejected"
                );
            }
        }
    }

    fn said(&self, response: &Response) {
        let kind = response.kind;
        self.shared.metrics.pushes.get_or_create(&kind.into()).inc();
        debug!(
            node = self.session.node(),
            kind = kind.as_str(),
            version = %response.version,
            resources = response.resources.len(),
            removed = response.removed.len(),
            "told"
        );
        if kind == Kind::Endpoints && enabled!(Level::DEBUG) {
            for service in self.shared.feed.resources().stale_of(&response.resources) {
                let node = self.session.node();
                debug!(node, %service, "told what was last read");
            }
        }
    }

    /// Notes how the stream ends. That a client has gone needs no reason.
    fn ends(&self, status: &Status) -> HeaderMap {
        let (node, code, reason) = (self.session.node(), status.code, &status.message);
        match code {
            Code::Ok | Code::Cancelled => debug!(node, ?code, reason, "discovery stream is ended"),
            _ => info!(node, ?code, reason, "discovery stream is ended"),
        }
        status.trailers()
    }
}

impl<S: Protocol> Drop for Conversation<S> {
    fn drop(&mut self) {
        let resources = self.shared.feed.resources();
        resources.close(&self.mailbox, self.session.watched());
        self.shared.metrics.streams.dec();
        if self.introduced {
            info!(
                node = self.session.node(),
                protocol = S::NAME,
                "discovery stream closed"
            );
        }
    }
}

impl From<Full> for Status {
    fn from(Full(most): Full) -> Self {
        let wrong = format!(
            "the streams of this node subscribe to {most} services already, which is all it takes"
        );
        Self::new(Code::ResourceExhausted, wrong)
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoType => {
                let wrong = "type_url must say which kind of resource is wanted";
                Self::new(Code::InvalidArgument, wrong)
            }
            Refusal::OtherType(other) => {
                let other: String = other.chars().take(200).collect();
                let wrong = format!("type_url must be the one of this service, got {other:?}");
                Self::new(Code::InvalidArgument, wrong)
            }
            Refusal::TooManyNames(limits) => {
                let (names, bytes) = (limits.names, limits.bytes);
                let wrong = format!("a stream may name at most {names} resources in {bytes} bytes");
                Self::new(Code::ResourceExhausted, wrong)
            }
        }
    }
}
