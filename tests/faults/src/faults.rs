//! Every fault, in the order of the table.

mod clocks;
mod dead_rows;
mod disk;
mod forty_silent;
mod hostile_bodies;
mod hostile_http2;
mod kills;
mod mass_silence;
mod races;
mod rolling_restart;
mod slow_clients;
mod some_die;
mod stale_reads;
mod started_down;
mod store_fails;
mod two_clocks;
mod unread_log;

use crate::fault::Fault;

/// What is run where nothing is named. In CI those of a group run side by side, so what is timed is alone.
pub(crate) const GROUPS: &[&[Fault]] = &[
    &[store_fails::REFUSES],
    &[store_fails::HANGS],
    &[store_fails::THROTTLES],
    &[store_fails::ANSWERS_500],
    &[store_fails::HALF],
    &[stale_reads::FAULT, started_down::FAULT, some_die::FAULT],
    &[
        dead_rows::OLD_TABLE,
        dead_rows::WEEK_AWAY,
        forty_silent::FAULT,
        two_clocks::FAULT,
    ],
    &[mass_silence::FAULT],
    &[unread_log::FAULT],
    &[kills::FAULT],
    &[slow_clients::FAULT],
    &[hostile_bodies::FAULT],
    &[hostile_http2::FAULT],
    &[rolling_restart::FAULT],
    &[clocks::FAULT, disk::FAULT, races::FAULT],
];

/// All faults.
pub(crate) fn all() -> impl Iterator<Item = &'static Fault> {
    GROUPS.iter().copied().flatten()
}
