//! How long the rows of other nodes have stayed as they are, by this node's own clock: theirs may be anything.

use std::collections::HashMap;
use std::time::Duration;

use discovery_domain::LeaseInstant;

/// What each row says, and since when this node has read just that.
#[derive(Debug, Default)]
pub(crate) struct Silence(HashMap<String, (String, LeaseInstant)>);

impl Silence {
    /// Takes in all the rows there are: the name of each and the text of when it was written.
    pub(crate) fn read<'a>(
        &mut self,
        rows: impl Iterator<Item = (&'a str, &'a str)>,
        now: LeaseInstant,
    ) {
        let mut before = std::mem::take(&mut self.0);
        self.0 = rows
            .map(|(name, written)| {
                let known = before.remove(name).filter(|(text, _)| text == written);
                let row = known.unwrap_or_else(|| (written.to_owned(), now));
                (name.to_owned(), row)
            })
            .collect();
    }

    /// For how long a row has been read as it is.
    pub(crate) fn of(&self, name: &str, now: LeaseInstant) -> Duration {
        let row = self.0.get(name);
        row.map_or(Duration::ZERO, |(_, since)| now.since(*since))
    }
}
