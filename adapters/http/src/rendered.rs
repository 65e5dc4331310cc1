//! A list as bytes, made from the one before it.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use discovery_domain::{Host, Listing};
use poem::http::HeaderValue;
use tokio::sync::OnceCell;
use twox_hash::XxHash3_64;

use crate::compress::gzip;
use crate::host_json::push_host;

/// The answer to a list request, shared by all readers until a host changes.
#[derive(Debug)]
pub struct Rendered {
    listing: Arc<Listing>,
    body: Bytes,
    /// How many bytes come before the first host.
    head: usize,
    spans: Vec<Span>,
    etag: HeaderValue,
    gzip: OnceCell<Bytes>,
}

/// Where a host ends in the body, and the digest of what it says besides its last check-in.
#[derive(Debug, Clone, Copy)]
struct Span {
    end: usize,
    digest: u64,
}

const BETWEEN: &[u8] = b", ";
const TAIL: &[u8] = b"]}\n";

impl Rendered {
    /// Renders a list from nothing. `head` is everything before the first host.
    pub(crate) fn fresh(head: &str, listing: &Arc<Listing>) -> Self {
        const USUAL_HOST: usize = 384;
        let mut page = Page::new(head.as_bytes(), USUAL_HOST * listing.hosts.len());
        for host in &listing.hosts {
            page.push(host);
        }
        page.finish(Arc::clone(listing))
    }

    /// Renders a list of the same service or repo, copying every run of hosts that are still the same.
    pub(crate) fn patched(&self, listing: &Arc<Listing>) -> Self {
        let (was, is) = (&self.listing.hosts, &listing.hosts);
        let usual_host = (self.body.len() - self.head) / was.len().max(1) + 1;
        let room = self.body.len() + usual_host * is.len().saturating_sub(was.len());
        let mut page = Page::new(&self.body[..self.head], room);
        let (mut old, mut new) = (0, 0);
        while new < is.len() {
            let same = same_hosts(&was[old..], &is[new..]);
            if same > 0 {
                page.copy(self, old..old + same);
                (old, new) = (old + same, new + same);
                continue;
            }
            let order = was.get(old).map(|host| host.key.cmp(&is[new].key));
            if order.is_some_and(Ordering::is_le) {
                old += 1;
            }
            if order != Some(Ordering::Less) {
                page.push(&is[new]);
                new += 1;
            }
        }
        page.finish(Arc::clone(listing))
    }

    /// Whether this is how that very listing looks.
    pub(crate) fn shows(&self, listing: &Arc<Listing>) -> bool {
        Arc::ptr_eq(&self.listing, listing)
    }

    /// The whole answer, uncompressed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The whole answer in gzip, compressed by whoever asks first while the others wait.
    pub async fn gzip(&self) -> Bytes {
        self.gzip.get_or_init(|| gzip(&self.body)).await.clone()
    }

    /// A weak entity tag that every node gives to the same hosts, whenever they last checked in.
    pub fn etag(&self) -> &HeaderValue {
        &self.etag
    }

    /// About how much memory this holds, the hosts it shows and the compressed answer included.
    pub(crate) fn weight(&self) -> usize {
        2 * self.body.len() + self.spans.len() * size_of::<Span>()
    }

    fn start(&self, host: usize) -> usize {
        match host.checked_sub(1) {
            None => self.head,
            Some(previous) => self.spans[previous].end + BETWEEN.len(),
        }
    }
}

/// How many hosts at the beginning of both lists are one and the same.
fn same_hosts(was: &[Arc<Host>], is: &[Arc<Host>]) -> usize {
    was.iter()
        .zip(is)
        .take_while(|(was, is)| Arc::ptr_eq(was, is))
        .count()
}

/// A list being written.
struct Page {
    body: Vec<u8>,
    head: usize,
    spans: Vec<Span>,
    scratch: String,
}

impl Page {
    /// Leaves room for as many bytes and a little more.
    fn new(head: &[u8], room: usize) -> Self {
        const SLACK: usize = 64;
        let mut body = Vec::with_capacity(head.len() + room + SLACK);
        body.extend_from_slice(head);
        Self {
            body,
            head: head.len(),
            spans: Vec::new(),
            scratch: String::new(),
        }
    }

    fn push(&mut self, host: &Host) {
        self.separate();
        self.scratch.clear();
        let digest = push_host(&mut self.scratch, host);
        self.body.extend_from_slice(self.scratch.as_bytes());
        let end = self.body.len();
        self.spans.push(Span { end, digest });
    }

    /// Takes over neighbouring hosts, at least one, as they stand in the earlier answer.
    fn copy(&mut self, earlier: &Rendered, hosts: Range<usize>) {
        self.separate();
        let spans = &earlier.spans[hosts.clone()];
        let (from, to) = (earlier.start(hosts.start), spans[spans.len() - 1].end);
        let here = self.body.len();
        self.body.extend_from_slice(&earlier.body[from..to]);
        self.spans.extend(spans.iter().map(|span| Span {
            end: span.end - from + here,
            digest: span.digest,
        }));
    }

    fn separate(&mut self) {
        if !self.spans.is_empty() {
            self.body.extend_from_slice(BETWEEN);
        }
    }

    fn finish(mut self, listing: Arc<Listing>) -> Rendered {
        self.body.extend_from_slice(TAIL);
        let etag = self.etag();
        Rendered {
            listing,
            body: self.body.into(),
            head: self.head,
            spans: self.spans,
            etag,
            gzip: OnceCell::new(),
        }
    }

    /// Adds up the digests: which hosts there are decides their order, so the sum need not.
    fn etag(&self) -> HeaderValue {
        let head = XxHash3_64::oneshot(&self.body[..self.head]);
        let digests = self.spans.iter().map(|span| span.digest);
        let content = digests.fold(head, u64::wrapping_add);
        let mut tag = String::with_capacity(20);
        write!(tag, "W/\"{content:016x}\"").expect("a string takes whatever is written");
        HeaderValue::try_from(tag).expect("hexadecimal digits are printable")
    }
}
