//! Every fault, in the order of the table.

mod dead_rows;
mod forty_silent;
mod mass_silence;
mod some_die;
mod stale_reads;
mod started_down;
mod store_fails;
mod two_clocks;
mod unread_log;

use crate::fault::Fault;

/// What is run where nothing is named. In CI those of a group run side by side.
pub(crate) const GROUPS: &[&[Fault]] = &[
    &store_fails::FAULTS,
    &[stale_reads::FAULT, started_down::FAULT, some_die::FAULT],
    &[
        dead_rows::OLD_TABLE,
        dead_rows::WEEK_AWAY,
        forty_silent::FAULT,
        two_clocks::FAULT,
    ],
    &[mass_silence::FAULT],
    &[unread_log::FAULT],
];

/// All faults.
pub(crate) fn all() -> impl Iterator<Item = &'static Fault> {
    GROUPS.iter().copied().flatten()
}
