//! Requests that no library would send.

use std::io;
use std::time::Duration;

use discovery_bench::client::Target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use discovery_bench::Result;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A request over HTTP/1.1 with the body as it is; the headers end with a line break each.
pub(crate) fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: node\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// Sends `begin`, and then `more` again and again up to so many times while the node reads it; tells the status that is
/// answered meanwhile or afterwards.
pub(crate) async fn status_of(
    target: Target,
    begin: Vec<u8>,
    more: Vec<u8>,
    times: usize,
) -> Result<u16> {
    let (mut answer, mut request) = TcpStream::connect(target.address()).await?.into_split();
    let sending = tokio::spawn(async move {
        // A node that has answered need not read the rest.
        let _ = request.write_all(&begin).await;
        for _ in 0..times {
            if request.write_all(&more).await.is_err() {
                break;
            }
        }
        request
    });
    let status = timeout(PATIENCE, first_line(&mut answer)).await;
    sending.abort();
    status.map_err(|_| "no answer")?
}

async fn first_line(answer: &mut (impl AsyncReadExt + Unpin)) -> Result<u16> {
    let mut bytes = Vec::new();
    while !bytes.contains(&b'\n') {
        if answer.read_buf(&mut bytes).await? == 0 {
            return Err(Box::new(io::Error::from(io::ErrorKind::UnexpectedEof)));
        }
    }
    let digits = bytes
        .get(9..12)
        .and_then(|digits| str::from_utf8(digits).ok());
    Ok(digits.ok_or("no status")?.parse()?)
}
