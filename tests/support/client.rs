//! HTTP/1.1 to the letter.

use std::collections::VecDeque;
use std::io::ErrorKind::{TimedOut, WouldBlock};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::{PATIENCE, contract};

/// A connection to a node, which holds every answer to the contract.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    /// Method and target of each request that was begun and not answered yet.
    asked: VecDeque<(String, String)>,
}

/// What a node answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A request with a body of known length.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let length = body.len().to_string();
    let length = (!body.is_empty()).then_some(("Content-Length", length.as_str()));
    let headers = [("Host", "node")]
        .into_iter()
        .chain(headers.iter().copied())
        .chain(length);
    let lines = headers.map(|(name, value)| format!("{name}: {value}"));
    let first = format!("{method} {path} HTTP/1.1");
    let head: Vec<String> = [first].into_iter().chain(lines).collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
}

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self::try_to(address).expect("the node takes connections")
    }

    pub(crate) fn try_to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
            asked: VecDeque::new(),
        })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.asked.extend(first_line(bytes));
        self.stream.get_mut().write_all(bytes)
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_sending(&mut self) {
        // The node may have ended the connection already.
        drop(self.stream.get_ref().shutdown(Shutdown::Write));
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Answer {
        // A node may answer and close before it has read all; what counts is the answer.
        drop(self.send(request));
        self.answer().expect("an answer")
    }

    /// Reads an answer to any method but HEAD.
    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = self.read_head()?;
        let length = answer.header("content-length");
        let length = length.map_or(Ok(0), str::parse).map_err(io::Error::other)?;
        answer.body.resize(length, 0);
        self.stream.read_exact(&mut answer.body)?;
        Ok(self.held(answer))
    }

    /// Reads an answer without its body.
    pub(crate) fn head(&mut self) -> io::Result<Answer> {
        let answer = self.read_head()?;
        Ok(self.held(answer))
    }

    /// The answer, held to the contract where it is known which request it answers.
    fn held(&mut self, answer: Answer) -> Answer {
        if let Some((method, target)) = self.asked.pop_front() {
            contract::hold(&method, &target, &answer);
        }
        answer
    }

    fn read_head(&mut self) -> io::Result<Answer> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let status = lines[0]
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let headers = lines[1..].iter().filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        Ok(Answer {
            status: status.ok_or(io::ErrorKind::InvalidData)?,
            headers: headers.collect(),
            body: Vec::new(),
        })
    }

    /// Waits until the node ends the connection, doing `meanwhile` a few times a second.
    pub(crate) fn wait_for_end(mut self, mut meanwhile: impl FnMut(&mut Self)) {
        let short = Some(Duration::from_millis(200));
        self.stream
            .get_ref()
            .set_read_timeout(short)
            .expect("it is longer than zero");
        loop {
            match self.stream.get_mut().read(&mut [0; 1024]) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if matches!(error.kind(), WouldBlock | TimedOut) => meanwhile(&mut self),
                // A reset is an end, too.
                Err(_) => return,
            }
        }
    }
}

/// The method and target of a request that begins with these bytes.
fn first_line(bytes: &[u8]) -> Option<(String, String)> {
    let line = bytes.split(|byte| *byte == b'\r').next()?;
    let words: Vec<_> = std::str::from_utf8(line).ok()?.split(' ').collect();
    match words[..] {
        [method, target, "HTTP/1.0" | "HTTP/1.1"] => Some((method.to_owned(), target.to_owned())),
        _ => None,
    }
}

impl Answer {
    /// The names of all headers, in lower case.
    pub(crate) fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }

    /// The first header of that name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("answers are UTF-8")
    }
}
