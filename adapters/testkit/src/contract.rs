//! The storage contract: what every [`HostRepository`] must guarantee, one function a guarantee, its name a sentence.
//!
//! A store's tests are one line, [`storage_contract!`](crate::storage_contract). What only some stores promise stands
//! beside it: [`local_storage_contract!`](crate::local_storage_contract) for those that keep all rows in this process,
//! [`durable_storage_contract!`](crate::durable_storage_contract) for those that outlive it.

pub mod check_ins;
pub mod deletes;
pub mod durable;
pub mod lists;
pub mod local;
pub mod model;
pub mod races;
pub mod renewals;
pub mod weights;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{
    Change, CheckIn, Host, HostKey, HostRepository, LeaseClock, LeaseInstant, Row, Tags,
};

use crate::ManualClock;
use crate::hosts;

/// An empty store in a test's hands.
pub struct Store {
    /// The store.
    pub repository: Arc<dyn HostRepository>,
    /// The clock by which it tells the age of what it reads.
    pub lease: Arc<LeaseClock>,
    /// The clock behind that one.
    pub clock: Arc<ManualClock>,
    /// How often two calls are made to race; fewer for a store behind a network.
    pub races: usize,
    /// What must live as long as the store, such as its folder or the server it asks.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl Store {
    /// A store that needs nothing else to live.
    pub fn new(
        repository: Arc<dyn HostRepository>,
        lease: Arc<LeaseClock>,
        clock: Arc<ManualClock>,
    ) -> Self {
        Self {
            repository,
            lease,
            clock,
            races: 200,
            keep: Box::new(()),
        }
    }

    /// A check-in of a sample host, one microsecond after the one made before, so that no two are at one time.
    pub fn check_in(&self, service: &str, ip: &str) -> CheckIn {
        self.clock.advance(Duration::from_micros(1));
        hosts::check_in(hosts::registration(service, ip), self.lease.now())
    }

    /// Has a sample host check in.
    pub async fn register(&self, service: &str, ip: &str) -> Row {
        self.accept(self.check_in(service, ip)).await.row
    }

    /// Has a sample host check in with these tags.
    pub async fn register_with(&self, service: &str, ip: &str, tags: Tags) -> Row {
        let check_in = self.check_in(service, ip);
        self.accept(CheckIn { tags, ..check_in }).await.row
    }

    /// Has the store take a check-in that it must not refuse.
    pub async fn accept(&self, check_in: CheckIn) -> Change {
        let change = self.repository.check_in(check_in).await;
        change.expect("a store takes a valid check-in")
    }

    /// Reads one row.
    pub async fn row(&self, key: &HostKey) -> Option<Row> {
        self.repository.get(key).await.expect("a store reads a row")
    }

    /// Lists the rows of a service, as cheaply as the store can.
    pub async fn rows_of(&self, service: &str) -> Vec<Row> {
        let (service, past) = (hosts::service(service), LeaseInstant::DISTANT_PAST);
        let reading = self.repository.hosts_of(&service, past).await;
        reading
            .expect("a store lists a service")
            .list
            .rows()
            .to_vec()
    }

    /// Lists the rows of a service that the store has at hand, if it has.
    pub fn at_hand(&self, service: &str) -> Option<Vec<Row>> {
        let (service, past) = (hosts::service(service), LeaseInstant::DISTANT_PAST);
        let reading = self.repository.hosts_at_hand(&service, past)?;
        Some(reading.list.rows().to_vec())
    }

    /// Lists the rows of a service repo, as cheaply as the store can.
    pub async fn rows_of_repo(&self, repo: &str) -> Vec<Row> {
        let (repo, past) = (hosts::repo(repo), LeaseInstant::DISTANT_PAST);
        let reading = self.repository.hosts_of_repo(&repo, past).await;
        reading.expect("a store lists a repo").list.rows().to_vec()
    }

    /// Lets time pass by which hosts age.
    pub fn pass(&self, time: Duration) {
        self.clock.advance_proving(&self.lease, time);
    }

    /// Lets so much time pass that every row is expired.
    pub fn expire_all(&self) {
        self.pass(hosts::HOST_TTL + Duration::from_micros(1));
    }
}

/// The addresses of rows, in their order.
pub fn addresses(rows: &[Row]) -> Vec<String> {
    let address = |row: &Row| row.host.key.address().to_string();
    rows.iter().map(address).collect()
}

/// The hosts of rows, in their order.
pub fn hosts_in(rows: &[Row]) -> Vec<Arc<Host>> {
    rows.iter().map(|row| Arc::clone(&row.host)).collect()
}

/// Makes a test of every guarantee in the storage contract for the store that `$make`, an
/// `async fn() -> Store`, makes.
#[macro_export]
macro_rules! storage_contract {
    ($make:path) => {
        $crate::guarantees! { $make, check_ins:
            a_registered_host_is_read_back_to_the_letter
            an_ipv6_host_with_an_unusual_name_is_read_back_to_the_letter
            a_time_without_a_fraction_is_read_back_to_the_letter
            a_check_in_overwrites_the_fields_of_a_listed_row
            a_check_in_lays_its_tags_over_those_of_a_listed_row
            a_check_in_answers_what_it_stored_and_what_was_there
            a_check_in_on_an_expired_row_starts_from_the_tags_that_were_sent
            a_check_in_on_an_expired_row_that_the_guard_spares_merges_its_tags
            a_check_in_whose_tags_outgrow_their_limit_by_merging_is_refused_and_changes_nothing
            a_check_in_through_this_node_makes_the_age_of_its_row_zero
            a_jump_of_the_wall_clock_ages_no_row_that_this_node_knows
        }
        $crate::guarantees! { $make, weights:
            a_weight_changes_that_tag_and_nothing_else
            a_weight_leaves_foreign_tags_to_the_letter
            a_weight_that_a_host_has_already_changes_nothing
            a_weight_on_an_unknown_host_is_none_and_creates_nothing
            a_weight_survives_check_ins_that_carry_none
            a_check_in_that_carries_a_weight_overwrites_it
            a_weight_is_set_on_an_expired_row_and_does_not_renew_it
            a_weight_of_a_service_reaches_every_host_and_answers_those_that_changed
            a_weight_of_an_unknown_service_changes_nothing
        }
        $crate::guarantees! { $make, deletes:
            a_delete_removes_the_row_and_answers_what_was_in_it
            a_delete_of_an_unknown_host_is_none
            a_deleted_host_registers_anew_without_its_old_tags
            a_row_that_was_not_renewed_is_removed_on_that_condition
            a_row_that_was_renewed_is_not_removed_on_that_condition
            a_weight_does_not_renew_a_row_that_is_removed_if_unrenewed
            a_row_that_is_gone_is_not_removed_again
            a_proof_remembers_nothing_later_than_what_was_recorded_before_it
        }
        $crate::guarantees! { $make, renewals:
            a_renewal_changes_the_check_in_and_nothing_else
            a_renewal_of_a_row_with_another_check_in_changes_nothing
            a_renewal_never_recreates_a_host_that_was_deleted
        }
        $crate::guarantees! { $make, lists:
            an_unknown_service_or_repo_is_an_empty_list
            a_service_lists_its_hosts_by_address
            a_repo_lists_the_hosts_of_all_its_services_by_address
            names_that_begin_alike_are_kept_apart
            a_host_that_changes_its_repo_leaves_the_old_list
            a_host_without_a_repo_is_on_no_repo_list
            two_services_of_a_repo_may_share_an_address
            a_list_holds_expired_rows_too
            every_write_shows_at_once_on_every_list_that_was_read_before
            a_list_is_at_least_as_new_as_was_asked
            services_names_every_service_that_has_a_row
            a_list_of_many_hosts_is_complete
        }
        $crate::guarantees! { $make, races:
            a_sweep_never_removes_a_host_that_checks_in_meanwhile
            an_acknowledged_check_in_is_never_undone_by_sweeps_of_what_was_seen_earlier
            a_check_in_never_loses_a_weight_that_is_set_meanwhile
            a_check_in_never_loses_a_weight_of_the_service_that_is_set_meanwhile
            a_weight_never_restores_what_a_check_in_overwrites_meanwhile
            a_weight_never_recreates_a_host_that_is_deleted_meanwhile
            a_weight_of_a_service_never_recreates_a_host_that_is_deleted_meanwhile
            check_ins_of_one_host_with_different_tags_keep_all_of_them
            check_ins_of_many_hosts_of_one_service_are_all_listed
            of_two_deletes_at_once_one_finds_the_host
            of_two_weights_at_once_one_stands_and_nothing_else_changes
            a_host_that_changes_its_repo_back_and_forth_is_on_one_repo_list
        }
        $crate::guarantees! { $make, model:
            any_sequence_of_calls_answers_as_a_plain_map_would
        }
    };
}

/// Makes tests of what stores promise that keep all rows in this process.
#[macro_export]
macro_rules! local_storage_contract {
    ($make:path) => {
        $crate::guarantees! { $make, local:
            a_list_that_has_not_changed_is_the_same_list
            a_list_that_has_changed_is_another_list
            a_check_in_elsewhere_leaves_a_list_the_same
            a_list_is_always_current
            a_service_without_rows_is_not_named
        }
    };
}

/// Makes tests of what stores promise that outlive this process. `$reopen`, an `async fn(Store) -> Store`, ends the
/// one process and starts the next on the same data; time goes on by the same clock.
#[macro_export]
macro_rules! durable_storage_contract {
    ($make:path, $reopen:path) => {
        $crate::guarantees! { $make, durable, $reopen:
            everything_acknowledged_is_there_after_a_restart
            what_was_removed_stays_removed_after_a_restart
            a_proof_is_remembered_after_a_restart
            an_outage_before_the_start_ages_nobody
            time_between_the_last_proof_and_the_check_in_counts_after_a_restart
        }
    };
}

/// Makes a test of each guarantee that is named.
#[macro_export]
#[doc(hidden)]
macro_rules! guarantees {
    ($make:path, $group:ident: $($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $name() {
            $crate::contract::$group::$name($make().await).await;
        }
    )*};
    ($make:path, $group:ident, $reopen:path: $($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $name() {
            $crate::contract::$group::$name($make().await, $reopen).await;
        }
    )*};
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_guarantee_is_made_a_test() {
        let (macros, _) = include_str!("contract.rs")
            .split_once("mod tests")
            .expect("the macros come first");
        let guarantees = [
            include_str!("contract/check_ins.rs"),
            include_str!("contract/deletes.rs"),
            include_str!("contract/durable.rs"),
            include_str!("contract/lists.rs"),
            include_str!("contract/local.rs"),
            include_str!("contract/model.rs"),
            include_str!("contract/races.rs"),
            include_str!("contract/renewals.rs"),
            include_str!("contract/weights.rs"),
        ];
        let missing: Vec<_> = guarantees
            .iter()
            .flat_map(|file| file.split("\npub async fn ").skip(1))
            .filter_map(|function| function.split('(').next())
            .filter(|name| !macros.contains(&format!("{name}\n")))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
