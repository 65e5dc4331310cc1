//! Which responses of one kind the client has answered.

use crate::request::ErrorDetail;

/// Counts responses by their nonces, which only grow.
#[derive(Debug, Default)]
pub(crate) struct Dialogue {
    sent: u64,
    answered: u64,
}

/// What a request says about an earlier response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Silent,
    /// It was taken in.
    Ack,
    /// It was rejected, for that reason.
    Nack(String),
    /// The latest response was answered before: the client asks once more.
    Again,
    /// It is about a response that was answered before or never sent.
    Stale,
}

impl Dialogue {
    /// Notes that a response goes out.
    pub(crate) fn sends(&mut self, nonce: u64) {
        self.sent = nonce;
    }

    /// Notes a request that answers a response, or none.
    pub(crate) fn hears(&mut self, nonce: &str, error: Option<&ErrorDetail>) -> Verdict {
        if nonce.is_empty() {
            return Verdict::Silent;
        }
        let known = nonce
            .parse()
            .ok()
            .filter(|nonce| (1..=self.sent).contains(nonce));
        match (known, error) {
            (Some(nonce), _) if nonce > self.answered => {
                self.answered = nonce;
                error.map_or(Verdict::Ack, |error| Verdict::Nack(error.message.clone()))
            }
            (Some(nonce), None) if nonce == self.sent => Verdict::Again,
            _ => Verdict::Stale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected() -> ErrorDetail {
        ErrorDetail {
            message: "bad".into(),
        }
    }

    #[test]
    fn each_response_is_answered_once_and_in_order() {
        let mut dialogue = Dialogue::default();
        assert_eq!(dialogue.hears("", None), Verdict::Silent);
        assert_eq!(dialogue.hears("1", None), Verdict::Stale, "not sent yet");
        dialogue.sends(1);
        dialogue.sends(3);
        dialogue.sends(4);
        assert_eq!(
            dialogue.hears("1", None),
            Verdict::Ack,
            "the others are under way"
        );
        assert_eq!(
            dialogue.hears("4", Some(&rejected())),
            Verdict::Nack("bad".into())
        );
        assert_eq!(dialogue.hears("3", None), Verdict::Stale);
        assert_eq!(dialogue.hears("4", None), Verdict::Again);
        for foreign in ["5", "0", "x", "18446744073709551616"] {
            assert_eq!(dialogue.hears(foreign, None), Verdict::Stale, "{foreign}");
        }
    }
}
