//! Which rows are listed: the TTL, and the guard against mass expiry (liveness rules 1, 4, 13 and 14).

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use crate::host::Row;
use crate::lease::LeaseInstant;
use crate::list::Listing;
use crate::rows::Rows;

/// What an operator decides about expiry.
#[derive(Debug, Clone, PartialEq)]
pub struct Liveness {
    /// How long a check-in keeps a host listed.
    pub host_ttl: Duration,
    /// The share of a service's rows, 0 to 1, that expiry alone never goes below; 0 turns the guard off.
    pub guard_minimum_live: f64,
}

/// More than a product of two floats is ever off, as a share of it.
const ROUNDING: f64 = 1e-12;

/// How old a row is.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Age {
    Live,
    Expired,
    /// So old that no guard lists it (rule 4).
    Dead,
}

impl Liveness {
    /// The guard leaves smaller services alone (rule 13).
    pub const GUARD_MINIMUM_BASE: usize = 5;
    /// A row is dead after this many TTLs (rule 4).
    pub const TTLS_TO_DEATH: u32 = 7;

    /// Judges all rows of a service at a moment.
    pub fn judge(&self, rows: &Rows, at: LeaseInstant) -> Listing {
        let (mut live, mut base) = (0, 0);
        let mut holds_until = LeaseInstant::DISTANT_FUTURE;
        for row in rows.iter() {
            let age = self.age(row, at);
            live += usize::from(age == Age::Live);
            base += usize::from(age != Age::Dead);
            holds_until = holds_until.min(self.next_age(row, age));
        }
        let mut listing = Listing {
            listed: rows.clone(),
            guarded: 0,
            expired: Vec::new(),
            spared: Vec::new(),
            unlisted: Vec::new(),
            judged_at: at,
            holds_until,
        };
        if live < rows.len() {
            self.sort_out(&mut listing, self.guarded(base, live));
        }
        listing
    }

    /// Parts the rows, all of which are on the listing, by their ages; the guard keeps so many expired ones listed.
    fn sort_out(&self, listing: &mut Listing, guarded: usize) {
        let rows = listing.listed.to_vec();
        let ages: Vec<Age> = rows
            .iter()
            .map(|row| self.age(row, listing.judged_at))
            .collect();
        let spared = spared(&rows, &ages, guarded);
        let mut listed = Vec::with_capacity(rows.len());
        for (position, (row, age)) in rows.into_iter().zip(ages).enumerate() {
            let is_spared = spared.binary_search(&position).is_ok();
            if is_spared {
                listing.spared.push(Arc::clone(&row.host));
            }
            if is_spared || age == Age::Live {
                listed.push(row);
            } else if spared.is_empty() || age == Age::Dead {
                listing.expired.push(row);
            } else {
                listing.unlisted.push(row);
            }
        }
        listing.guarded = spared.len();
        listing.listed = listed.into();
    }

    fn age(&self, row: &Row, at: LeaseInstant) -> Age {
        if at <= row.renewed + self.host_ttl {
            Age::Live
        } else if at <= row.renewed + self.host_ttl * Self::TTLS_TO_DEATH {
            Age::Expired
        } else {
            Age::Dead
        }
    }

    /// The last moment at which a row is still of that age.
    fn next_age(&self, row: &Row, age: Age) -> LeaseInstant {
        match age {
            Age::Live => row.renewed + self.host_ttl,
            Age::Expired => row.renewed + self.host_ttl * Self::TTLS_TO_DEATH,
            Age::Dead => LeaseInstant::DISTANT_FUTURE,
        }
    }

    /// How many expired rows the guard keeps listed.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rows are far fewer than 2^52"
    )]
    fn guarded(&self, base: usize, live: usize) -> usize {
        let share = base as f64 * self.guard_minimum_live;
        // A product that should be whole, as 25 * 0.28, may come out a trifle above that.
        let least = (share - share * ROUNDING).ceil() as usize;
        if base < Self::GUARD_MINIMUM_BASE {
            0
        } else {
            least.saturating_sub(live)
        }
    }
}

/// The positions of the most recently seen expired rows. A function of what is stored, so that every node spares
/// the same ones, also after a restart.
fn spared(rows: &[Row], ages: &[Age], count: usize) -> Vec<usize> {
    if count == 0 {
        return Vec::new();
    }
    let mut expired: Vec<usize> = (0..rows.len())
        .filter(|position| ages[*position] == Age::Expired)
        .collect();
    expired.sort_by_key(|position| (Reverse(rows[*position].host.last_check_in), *position));
    expired.truncate(count);
    expired.sort_unstable();
    expired
}
