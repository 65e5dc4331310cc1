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
    /// How many bytes each host takes.
    lengths: Vec<u32>,
    /// What each host says besides its last check-in, digested.
    digests: Vec<u64>,
    etag: HeaderValue,
    gzip: OnceCell<Bytes>,
}

const BETWEEN: &[u8] = b", ";
const TAIL: &[u8] = b"]}\n";

impl Rendered {
    /// Renders a list from nothing. `head` is everything before the first host.
    pub(crate) fn fresh(head: &str, listing: &Arc<Listing>) -> Self {
        const USUAL_HOST: usize = 384;
        let hosts = listing.listed.len();
        let mut page = Page::new(head.as_bytes(), hosts, USUAL_HOST * hosts);
        for host in listing.hosts() {
            page.push(host);
        }
        page.finish(Arc::clone(listing))
    }

    /// Renders a list of the same service or repo, copying every run of hosts that are still the same.
    pub(crate) fn patched(&self, listing: &Arc<Listing>) -> Self {
        let was: Vec<_> = self.listing.hosts().collect();
        let is: Vec<_> = listing.hosts().collect();
        let usual_host = (self.body.len() - self.head) / was.len().max(1) + 1;
        let room = self.body.len() + usual_host * is.len().saturating_sub(was.len());
        let mut page = Page::new(&self.body[..self.head], is.len(), room);
        let (mut new, mut old) = (0, Cursor::new(self));
        while new < is.len() {
            let same = same_hosts(&was[old.host..], &is[new..]);
            if same > 0 {
                page.copy(&mut old, same);
                new += same;
                continue;
            }
            let order = was.get(old.host).map(|host| host.key.cmp(&is[new].key));
            if order.is_some_and(Ordering::is_le) {
                old.advance(1);
            }
            if order != Some(Ordering::Less) {
                page.push(is[new]);
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

    /// The same, if it has been asked for before.
    pub(crate) fn gzip_at_hand(&self) -> Option<Bytes> {
        self.gzip.get().cloned()
    }

    /// A weak entity tag that every node gives to the same hosts, whenever they last checked in.
    pub fn etag(&self) -> &HeaderValue {
        &self.etag
    }

    /// About how much memory this holds, the hosts it shows and the compressed answer included.
    pub(crate) fn weight(&self) -> usize {
        const PER_HOST: usize = size_of::<u32>() + size_of::<u64>();
        2 * self.body.len() + PER_HOST * self.lengths.len()
    }
}

/// A place in an earlier answer: before a host, whose bytes begin there.
struct Cursor<'r> {
    rendered: &'r Rendered,
    host: usize,
    byte: usize,
}

impl<'r> Cursor<'r> {
    fn new(rendered: &'r Rendered) -> Self {
        let (host, byte) = (0, rendered.head);
        Self {
            rendered,
            host,
            byte,
        }
    }

    /// Passes over some hosts, at least one, and returns which they are and their bytes.
    fn advance(&mut self, count: usize) -> (Range<usize>, &'r [u8]) {
        let hosts = self.host..self.host + count;
        let lengths = &self.rendered.lengths[hosts.clone()];
        let length: usize = lengths.iter().map(|length| *length as usize).sum();
        let end = self.byte + length + (count - 1) * BETWEEN.len();
        let bytes = &self.rendered.body[self.byte..end];
        (self.host, self.byte) = (hosts.end, end + BETWEEN.len());
        (hosts, bytes)
    }
}

/// How many hosts at the beginning of both lists are one and the same.
fn same_hosts(was: &[&Arc<Host>], is: &[&Arc<Host>]) -> usize {
    was.iter()
        .zip(is)
        .take_while(|(was, is)| Arc::ptr_eq(was, is))
        .count()
}

/// A list being written.
struct Page {
    body: Vec<u8>,
    head: usize,
    lengths: Vec<u32>,
    digests: Vec<u64>,
    scratch: String,
}

impl Page {
    /// Leaves room for that many hosts and bytes of them, and a little more.
    fn new(head: &[u8], hosts: usize, bytes: usize) -> Self {
        const SLACK: usize = 64;
        let mut body = Vec::with_capacity(head.len() + bytes + SLACK);
        body.extend_from_slice(head);
        Self {
            body,
            head: head.len(),
            lengths: Vec::with_capacity(hosts),
            digests: Vec::with_capacity(hosts),
            scratch: String::new(),
        }
    }

    fn push(&mut self, host: &Host) {
        self.scratch.clear();
        let digest = push_host(&mut self.scratch, host);
        let length = u32::try_from(self.scratch.len()).expect("a host's values are bounded");
        self.separate();
        self.body.extend_from_slice(self.scratch.as_bytes());
        self.lengths.push(length);
        self.digests.push(digest);
    }

    /// Takes over neighbouring hosts, at least one, as they stand in the earlier answer.
    fn copy(&mut self, earlier: &mut Cursor<'_>, count: usize) {
        let (hosts, bytes) = earlier.advance(count);
        self.separate();
        self.body.extend_from_slice(bytes);
        let Rendered {
            lengths, digests, ..
        } = earlier.rendered;
        self.lengths.extend_from_slice(&lengths[hosts.clone()]);
        self.digests.extend_from_slice(&digests[hosts]);
    }

    fn separate(&mut self) {
        if !self.lengths.is_empty() {
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
            lengths: self.lengths,
            digests: self.digests,
            etag,
            gzip: OnceCell::new(),
        }
    }

    /// Adds up the digests: which hosts there are decides their order, so the sum need not.
    fn etag(&self) -> HeaderValue {
        let head = XxHash3_64::oneshot(&self.body[..self.head]);
        let digests = self.digests.iter().copied();
        let content = digests.fold(head, u64::wrapping_add);
        let mut tag = String::with_capacity(20);
        write!(tag, "W/\"{content:016x}\"").expect("a string takes whatever is written");
        HeaderValue::try_from(tag).expect("hexadecimal digits are printable")
    }
}
