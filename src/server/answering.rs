//! The bodies of answers.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use super::activity::Waiting;

/// The body of an answer; its request is over when it is sent, unless it was before.
pub(super) struct Answering {
    content: Content,
    _under_way: Option<UnderWay>,
}

enum Content {
    Whole(Option<Bytes>),
    Any(BoxBody<Bytes, io::Error>),
}

/// What a request holds until it is over.
pub(super) struct UnderWay {
    pub(super) _waiting: Waiting,
    pub(super) _place: Option<OwnedSemaphorePermit>,
}

impl Answering {
    /// A body that is there as a whole.
    pub(super) fn whole(bytes: Bytes, under_way: UnderWay) -> Self {
        Self {
            content: Content::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())),
            _under_way: Some(under_way),
        }
    }

    /// Any body.
    pub(super) fn any(body: BoxBody<Bytes, io::Error>, under_way: Option<UnderWay>) -> Self {
        Self {
            content: Content::Any(body),
            _under_way: under_way,
        }
    }
}

impl Body for Answering {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut self.content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Any(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_none(),
            Content::Any(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Any(body) => body.size_hint(),
        }
    }
}
