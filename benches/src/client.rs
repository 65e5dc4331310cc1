//! A cheap HTTP/1.1 client with one connection, for servers on this machine only.

use std::net::SocketAddr;
use std::str::FromStr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Error, Result};

/// The address of a server on this machine; no other can be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target(SocketAddr);

impl Target {
    /// Where to connect to.
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let address = text.trim_start_matches("http://").trim_end_matches('/');
        match address.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Self(address)),
            Ok(address) => {
                Err(format!("must be on this machine, like 127.0.0.1:8080, got {address}").into())
            }
            Err(_) => Err(format!(
                "must be an address and port, like 127.0.0.1:8080, got {text:?}"
            )
            .into()),
        }
    }
}

/// A kept-alive connection on which one request follows the other.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, its parts still in the connection's buffer.
pub struct Reply<'a> {
    /// The status.
    pub status: u16,
    head: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

impl Reply<'_> {
    /// A header's value; `None` as well when it isn't text.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }
}

impl Connection {
    /// Connects.
    pub async fn open(target: Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address()).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(64 * 1024),
        })
    }

    /// Sends a request and waits for the whole answer.
    pub async fn send(&mut self, request: &[u8]) -> Result<Reply<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.read_more().await?;
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let (status, length) = parse(&self.buffer[..head])?;
        self.buffer.reserve(length);
        while self.buffer.len() < head + length {
            self.read_more().await?;
        }
        let (head, body) = self.buffer.split_at(head);
        Ok(Reply { status, head, body })
    }

    async fn read_more(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the server closed the connection instead of answering".into()),
            _ => Ok(()),
        }
    }
}

/// The status of an answer and how long its body is.
fn parse(head: &[u8]) -> Result<(u16, usize)> {
    let status = head
        .get(9..12)
        .and_then(|digits| str::from_utf8(digits).ok());
    let status = status.and_then(|digits| digits.parse().ok());
    let status = status.ok_or("the server answered something that is not HTTP/1.1")?;
    let length = match header(head, "content-length") {
        Some(length) => length.parse()?,
        None if matches!(status, 204 | 304) => 0,
        None => return Err("the server did not say how long its answer is".into()),
    };
    Ok((status, if status == 304 { 0 } else { length }))
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let mut lines = head.split(|byte| *byte == b'\n').skip(1);
    lines.find_map(|line| {
        let (key, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        key.eq_ignore_ascii_case(name.as_bytes())
            .then(|| str::from_utf8(value).ok().map(str::trim))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_on_this_machine_are_targets() {
        for good in ["127.0.0.1:80", "[::1]:8080", "http://127.0.0.1:8080/"] {
            assert!(good.parse::<Target>().is_ok(), "{good}");
        }
        for bad in [
            "10.0.0.1:80",
            "0.0.0.0:80",
            "example.org:80",
            "127.0.0.1",
            "",
        ] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_head_tells_status_and_length() {
        let head = b"HTTP/1.1 200 OK\r\nX-Content-Length: 9\r\ncontent-length: 12\r\n\r\n";
        assert_eq!(parse(head).expect("a sound head"), (200, 12));
        assert_eq!(
            parse(b"HTTP/1.1 204 No Content\r\n\r\n").expect("no body"),
            (204, 0)
        );
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(parse(b"SSH-2.0-OpenSSH\r\n\r\n").is_err());
    }
}
