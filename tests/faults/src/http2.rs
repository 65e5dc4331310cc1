//! HTTP/2 by hand, for what no library would send.

use std::io;
use std::time::Duration;

use discovery_bench::Result;
use discovery_bench::client::Target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// A connection that keeps the rules of flow control, so that it is not ended for that.
pub(crate) struct Http2 {
    stream: TcpStream,
    /// How many bytes of bodies the node takes at the moment.
    window: i64,
    /// The status of each stream that was answered, or 0 where it was reset.
    pub(crate) statuses: Vec<u16>,
    pub(crate) ended: bool,
}

impl Http2 {
    pub(crate) async fn connect(target: Target) -> Result<Self> {
        let mut stream = TcpStream::connect(target.address()).await?;
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await?;
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
        Ok(Self {
            stream,
            window: 65_535,
            statuses: Vec::new(),
            ended: false,
        })
    }

    /// Sends a frame, unless the node has ended the connection.
    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let frame = frame(kind, flags, stream, payload);
        let sent = self.stream.write_all(&frame);
        self.ended |= !matches!(timeout(Duration::from_secs(10), sent).await, Ok(Ok(())));
    }

    /// Sends a piece of a body once the node takes it; tells whether it did in time.
    pub(crate) async fn send_data(&mut self, stream: u32, data: &[u8], patience: Duration) -> bool {
        let length = i64::try_from(data.len()).unwrap_or(i64::MAX);
        while self.window < length && !self.ended {
            if !self.hear(patience).await {
                return false;
            }
        }
        self.window -= length;
        self.send(DATA, 0, stream, data).await;
        !self.ended
    }

    /// Takes a frame of the node, if one comes in time.
    pub(crate) async fn hear(&mut self, patience: Duration) -> bool {
        match timeout(patience, self.read()).await {
            Ok(Ok((kind, flags, stream, payload))) => {
                self.take(kind, flags, stream, &payload).await;
                true
            }
            Ok(Err(_gone)) => {
                self.ended = true;
                false
            }
            Err(_silent) => false,
        }
    }

    async fn read(&mut self) -> io::Result<(u8, u8, u32, Vec<u8>)> {
        // Whatever is cancelled here has waited for the first byte.
        let mut head = [0; 9];
        self.stream.peek(&mut head[..1]).await?;
        self.stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await?;
        Ok((head[3], head[4], stream, payload))
    }

    async fn take(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        match kind {
            SETTINGS if flags & ACK == 0 => self.send(SETTINGS, ACK, 0, &[]).await,
            PING if flags & ACK == 0 => self.send(PING, ACK, 0, payload).await,
            WINDOW_UPDATE if stream == 0 => {
                let more = payload
                    .first_chunk()
                    .map_or(0, |more| u32::from_be_bytes(*more));
                self.window += i64::from(more);
            }
            HEADERS => self.statuses.push(status(payload)),
            RST_STREAM => self.statuses.push(0),
            GOAWAY => self.ended = true,
            _ => {}
        }
    }
}

/// The status in a block of headers, which begins with it.
fn status(block: &[u8]) -> u16 {
    match block {
        // What the static table has.
        [indexed @ 0x88..=0x8e, ..] => {
            [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)]
        }
        // A literal with an indexed name, its value plain or in Huffman's code, in which digits have 5 or 6 bits.
        [0x48, 3, digits @ ..] => {
            let digits = digits
                .get(..3)
                .and_then(|digits| str::from_utf8(digits).ok());
            digits.and_then(|digits| digits.parse().ok()).unwrap_or(1)
        }
        [0x48, length @ 0x82..=0x83, digits @ ..] => huffman(&digits[..usize::from(length & 0x7f)]),
        _ => 1,
    }
}

/// Three digits in Huffman's code.
fn huffman(bytes: &[u8]) -> u16 {
    let mut bits = bytes
        .iter()
        .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
        << (32 - 8 * bytes.len());
    let mut number = 0;
    for _ in 0..3 {
        let (digit, length) = match bits >> 27 {
            short @ 0..3 => (short, 5),
            _ => ((bits >> 26) - 0x19 + 3, 6),
        };
        number = number * 10 + u16::try_from(digit).unwrap_or(0);
        bits <<= length;
    }
    number
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("no frame is that large");
    let head = [
        &length.to_be_bytes()[1..],
        &[kind, flags],
        &stream.to_be_bytes(),
    ]
    .concat();
    [&head, payload].concat()
}

/// A block of headers, each as it is.
pub(crate) fn headers<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in all {
        block.push(0);
        string(&mut block, name);
        string(&mut block, value);
    }
    block
}

fn string(block: &mut Vec<u8>, text: &str) {
    const SHORT: usize = 127;
    let mut length = text.len();
    if length < SHORT {
        block.push(u8::try_from(length).expect("it is short"));
    } else {
        block.push(0x7f);
        length -= SHORT;
        while length >= 128 {
            block.push(u8::try_from(length % 128).expect("it is below 128") | 0x80);
            length /= 128;
        }
        block.push(u8::try_from(length).expect("it is below 128"));
    }
    block.extend_from_slice(text.as_bytes());
}

/// The headers of a request.
pub(crate) fn request<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "node"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_however_it_is_written() {
        assert_eq!(status(&[0x88]), 200);
        assert_eq!(status(&[0x8c, 0x60]), 400);
        assert_eq!(status(b"\x48\x03431"), 431);
        // RFC 7541, C.6.1: 302 in Huffman's code.
        assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), 302);
        // C.6.2: 307.
        assert_eq!(status(&[0x48, 0x83, 0x64, 0x0e, 0xff]), 307);
    }

    #[test]
    fn a_long_string_tells_its_length() {
        let mut block = Vec::new();
        string(&mut block, &"x".repeat(127 + 300));
        assert_eq!(block[..3], [0x7f, 0xac, 0x02]);
    }
}
