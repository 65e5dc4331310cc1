//! When a connection has to go although its client keeps it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::activity::Activity;

/// Looks at a connection every now and then, so that requests cost no timer.
pub(super) struct Watchdog {
    next_look: Pin<Box<Sleep>>,
    /// The request whose head has to be complete at the next look.
    awaited_head: Option<usize>,
    /// How many looks in a row found that nothing had happened.
    quiet_looks: u32,
    stopping: bool,
}

/// What is wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its client takes too long for the head of a request.
    Slow,
    /// Nothing has happened for that many looks.
    Quiet(u32),
    /// The server stops, and had waited for one more request.
    LastCall,
}

impl Watchdog {
    /// The time a client has for the head of a request.
    pub(super) const HEAD_PATIENCE: Duration = Duration::from_secs(10);
    /// The time between two looks.
    const PAUSE: Duration = Duration::from_secs(10);
    /// The time between two looks while the server stops.
    pub(super) const STOPPING_PAUSE: Duration = Duration::from_secs(1);

    pub(super) fn new() -> Self {
        Self {
            next_look: Box::pin(sleep(Self::PAUSE)),
            awaited_head: None,
            quiet_looks: 0,
            stopping: false,
        }
    }

    /// Looks more often from now on, because the server stops.
    pub(super) fn hurry(&mut self) {
        if !self.stopping {
            self.stopping = true;
            self.look_in(Self::STOPPING_PAUSE);
        }
    }

    /// Has the next look come soon.
    pub(super) fn look_soon(&mut self) {
        self.look_in(Self::STOPPING_PAUSE);
    }

    /// Ready when something is wrong. To be polled after everything that may note activity.
    pub(super) fn poll(&mut self, activity: &Activity, cx: &mut Context<'_>) -> Poll<Verdict> {
        let head = activity.open_head();
        if head.is_some() && head != self.awaited_head && !self.stopping {
            self.awaited_head = head;
            self.look_in(Self::HEAD_PATIENCE);
        }
        loop {
            ready!(self.next_look.as_mut().poll(cx));
            if let Some(verdict) = self.look(activity) {
                return Poll::Ready(verdict);
            }
        }
    }

    fn look(&mut self, activity: &Activity) -> Option<Verdict> {
        let head = activity.open_head();
        let pause = if self.stopping {
            Self::STOPPING_PAUSE
        } else {
            Self::PAUSE
        };
        self.look_in(pause);
        if head.is_some() {
            return (head == self.awaited_head && !self.stopping).then_some(Verdict::Slow);
        }
        if self.stopping {
            return Some(Verdict::LastCall);
        }
        if activity.take_moved() || activity.is_answering() {
            self.quiet_looks = 0;
            return None;
        }
        self.quiet_looks += 1;
        Some(Verdict::Quiet(self.quiet_looks))
    }

    fn look_in(&mut self, pause: Duration) {
        self.next_look.set(sleep(pause));
    }
}
