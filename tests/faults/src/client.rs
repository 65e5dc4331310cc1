//! A client that goes on where a node stops: one connection at a time, opened anew when it breaks.

use std::time::Duration;

use discovery_bench::client::{Connection, Target};
use discovery_bench::{Result, now};
use tokio::time::{Instant, sleep};

/// A client of one node.
pub(crate) struct Client {
    pub(crate) target: Target,
    connection: Option<Connection>,
}

/// What a node has answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn of(target: Target) -> Self {
        Self {
            target,
            connection: None,
        }
    }

    /// Sends a request; a connection that breaks is not used again.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.target).await?,
        };
        let reply = connection.send(request).await?;
        let closes = reply
            .header("connection")
            .is_some_and(|says| says.eq_ignore_ascii_case("close"));
        let answer = Answer {
            status: reply.status,
            body: reply.body.to_vec(),
        };
        self.connection = Some(connection).filter(|_| !closes);
        Ok(answer)
    }

    /// Sends a request and insists on a success.
    pub(crate) async fn insist(&mut self, request: &[u8]) -> Result<Answer> {
        let answer = self.ask(request).await?;
        match answer.status {
            200..300 => Ok(answer),
            status => {
                let body = String::from_utf8_lossy(&answer.body);
                Err(format!("answered {status}: {body}").into())
            }
        }
    }
}

/// How long something may take that is looked at again and again.
pub(crate) struct Deadline {
    what: &'static str,
    patience: Duration,
    at: Instant,
}

impl Deadline {
    /// From now on.
    pub(crate) fn of(what: &'static str, patience: Duration) -> Self {
        let at = now() + patience;
        Self { what, patience, at }
    }

    /// Lets some time pass before the next look; an error where there is none left.
    pub(crate) async fn pause(&self) -> Result<()> {
        let Self { what, patience, at } = self;
        if now() > *at {
            return Err(format!("waited {patience:?} in vain until {what}").into());
        }
        sleep(Duration::from_millis(10)).await;
        Ok(())
    }
}

/// A form that is posted.
pub(crate) fn form(path: &str, form: &str) -> Vec<u8> {
    let length = form.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {length}\r\n\r\n{form}"
    )
    .into_bytes()
}

/// The request that removes what is at a path.
pub(crate) fn delete(path: &str) -> Vec<u8> {
    format!("DELETE {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// The form of a host at that address, whose revision is a number.
pub(crate) fn host(address: &str, revision: u64) -> String {
    let tags = "%7B%22az%22%3A%22a%22%2C%22region%22%3A%22r%22%2C%22instance_id%22%3A%22i%22%7D";
    format!("ip={address}&port=80&revision={revision}&tags={tags}")
}
