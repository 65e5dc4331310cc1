//! Which services there are (liveness rule 17): a cluster must not go because its last host did, nor because this node
//! has just started or can't read the store.

use std::collections::BTreeMap;
use std::time::Duration;

use discovery_domain::{LeaseInstant, ServiceName};

/// The services that this node has heard of, and since when each is missing from the store.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    services: BTreeMap<ServiceName, Option<LeaseInstant>>,
    /// Whether the store has ever named all its services.
    complete: bool,
}

impl Catalogue {
    /// Adds a service that has hosts; tells whether it is new.
    pub(crate) fn meets(&mut self, service: &ServiceName) -> bool {
        self.services.insert(service.clone(), None).is_none()
    }

    /// Takes in that a service has had no hosts for so long, as somebody remembers; whatever else is known of it counts
    /// if it is later. Tells whether it is new.
    pub(crate) fn recalls(&mut self, service: &ServiceName, since: LeaseInstant) -> bool {
        let Some(known) = self.services.get_mut(service) else {
            self.services.insert(service.clone(), Some(since));
            return true;
        };
        *known = known.map(|known| known.max(since));
        false
    }

    /// Takes in that a service has no hosts at a moment; tells whether it had some before.
    pub(crate) fn misses(&mut self, service: &ServiceName, at: LeaseInstant) -> bool {
        let known = self.services.get_mut(service);
        known.is_some_and(|known| known.replace(at).is_none())
    }

    /// The services without hosts, and since when.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (&ServiceName, LeaseInstant)> {
        let services = self.services.iter();
        services.filter_map(|(service, missing)| Some((service, (*missing)?)))
    }

    /// Takes all services that the store has at a moment. One that has been missing for `retention` leaves. Tells
    /// whether there are others than before.
    pub(crate) fn scanned(
        &mut self,
        found: &[ServiceName],
        at: LeaseInstant,
        retention: Duration,
    ) -> bool {
        let before = std::mem::take(&mut self.services);
        self.services = found
            .iter()
            .map(|service| (service.clone(), None))
            .collect();
        let mut changed = !std::mem::replace(&mut self.complete, true);
        changed |= self
            .services
            .keys()
            .any(|service| !before.contains_key(service));
        for (service, missing) in before {
            let since = missing.unwrap_or(at);
            if at.since(since) < retention {
                self.services.entry(service).or_insert(Some(since));
            } else {
                changed |= !self.services.contains_key(&service);
            }
        }
        changed
    }

    /// Whether it has that service.
    pub(crate) fn has(&self, service: &ServiceName) -> bool {
        self.services.contains_key(service)
    }

    /// Whether it has that service and has not found it missing since.
    pub(crate) fn finds(&self, service: &ServiceName) -> bool {
        matches!(self.services.get(service), Some(None))
    }

    /// Every service; None as long as some may be unknown.
    pub(crate) fn services(&self) -> Option<impl ExactSizeIterator<Item = &ServiceName>> {
        self.complete.then(|| self.services.keys())
    }
}

#[cfg(test)]
mod tests {
    use discovery_testkit::hosts::service;

    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const HOUR: Duration = Duration::from_hours(1);

    /// A catalogue after a scan at the beginning of time.
    fn scanned(names: &[&str]) -> (Catalogue, LeaseInstant) {
        let (mut catalogue, start) = (Catalogue::default(), LeaseInstant::DISTANT_PAST);
        assert!(catalogue.scanned(&services(names), start, DAY));
        (catalogue, start)
    }

    fn services(names: &[&str]) -> Vec<ServiceName> {
        names.iter().map(|name| service(name)).collect()
    }

    fn names(catalogue: &Catalogue) -> Vec<&str> {
        let services = catalogue.services().expect("the catalogue is complete");
        services.map(ServiceName::as_str).collect()
    }

    #[test]
    fn nothing_is_said_before_the_first_scan_and_then_also_that_there_is_nothing() {
        let mut catalogue = Catalogue::default();
        assert!(catalogue.services().is_none());
        assert!(catalogue.meets(&service("users")));
        assert!(catalogue.services().is_none());
        assert!(catalogue.scanned(&[], LeaseInstant::DISTANT_PAST, DAY));
        assert_eq!(names(&catalogue), ["users"]);
        let (empty, _) = scanned(&[]);
        assert_eq!(names(&empty), [""; 0]);
    }

    #[test]
    fn a_service_that_was_met_or_found_is_there_at_once() {
        let (mut catalogue, start) = scanned(&["users"]);
        assert!(catalogue.meets(&service("orders")));
        assert!(!catalogue.meets(&service("orders")));
        assert!(catalogue.scanned(&services(&["people", "users"]), start + HOUR, DAY));
        assert_eq!(names(&catalogue), ["orders", "people", "users"]);
        assert!(!catalogue.scanned(&services(&["people", "users"]), start + HOUR, DAY));
    }

    #[test]
    fn a_service_leaves_only_when_it_has_been_missing_for_the_retention() {
        let (mut catalogue, start) = scanned(&["orders", "users"]);
        let users = services(&["users"]);
        assert!(
            !catalogue.scanned(&users, start + DAY, DAY),
            "first missed now"
        );
        assert!(!catalogue.scanned(&users, start + DAY + DAY - HOUR, DAY));
        assert_eq!(names(&catalogue), ["orders", "users"]);
        assert!(catalogue.scanned(&users, start + DAY + DAY, DAY));
        assert_eq!(names(&catalogue), ["users"]);
    }

    #[test]
    fn a_service_that_was_missing_before_the_start_is_there_for_the_rest_of_its_time() {
        let (mut catalogue, start) = (Catalogue::default(), LeaseInstant::DISTANT_PAST + DAY);
        assert!(catalogue.recalls(&service("users"), start - HOUR));
        assert!(catalogue.recalls(&service("people"), start - DAY));
        assert!(catalogue.services().is_none());
        assert!(catalogue.scanned(&services(&["orders"]), start, DAY));
        assert_eq!(names(&catalogue), ["orders", "users"]);
        let missing: Vec<_> = catalogue.missing().collect();
        assert_eq!(missing, [(&service("users"), start - HOUR)]);
        assert!(catalogue.scanned(&services(&["orders"]), start + DAY - HOUR, DAY));
        assert_eq!(names(&catalogue), ["orders"]);
    }

    #[test]
    fn what_is_remembered_of_a_service_neither_hides_it_nor_shortens_its_time() {
        let (mut catalogue, start) = scanned(&["orders", "users"]);
        assert!(catalogue.misses(&service("users"), start + HOUR));
        assert!(!catalogue.misses(&service("nobody"), start + HOUR));
        for name in ["orders", "users"] {
            assert!(!catalogue.recalls(&service(name), start));
        }
        assert!(catalogue.finds(&service("orders")));
        let missing: Vec<_> = catalogue.missing().collect();
        assert_eq!(missing, [(&service("users"), start + HOUR)]);
    }

    #[test]
    fn a_service_that_came_back_meanwhile_starts_anew() {
        let (mut catalogue, start) = scanned(&["users"]);
        catalogue.scanned(&[], start + HOUR, DAY);
        assert!(
            !catalogue.finds(&service("users")),
            "or nobody would meet it"
        );
        assert!(!catalogue.meets(&service("users")));
        assert!(catalogue.finds(&service("users")));
        assert!(!catalogue.scanned(&[], start + DAY, DAY));
        assert!(!catalogue.scanned(&[], start + DAY + HOUR, DAY));
        assert!(!catalogue.scanned(&services(&["users"]), start + DAY + HOUR, DAY));
        assert!(!catalogue.scanned(&[], start + DAY + DAY, DAY));
        assert_eq!(names(&catalogue), ["users"]);
    }
}
