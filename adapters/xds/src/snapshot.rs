//! What a service's hosts look like to Envoy at one moment, made from how they looked before.

use std::cmp::Ordering;
use std::sync::Arc;

use discovery_domain::{Host, Listing};

use crate::assignment::{Assignment, Endpoint};
use crate::resource::{Content, Resource};

/// The hosts on a list and the resource that shows them.
#[derive(Debug)]
pub(crate) struct Snapshot {
    listing: Arc<Listing>,
    /// One for each host, in the same order.
    endpoints: Vec<Arc<Endpoint>>,
    resource: Arc<Resource>,
}

impl Snapshot {
    /// Shows a list of a service.
    pub(crate) fn fresh(service: &str, listing: Arc<Listing>) -> Self {
        let endpoints = listing.hosts().map(endpoint).collect();
        Self::of(service.into(), listing, endpoints)
    }

    /// Shows a newer list of the same service: of a host that has not changed nothing is read again, and when none
    /// has, the resource is the same one.
    pub(crate) fn renewed(&self, listing: Arc<Listing>) -> Self {
        let mut old = self.listing.hosts().zip(&self.endpoints).peekable();
        let mut kept = 0;
        let endpoints: Vec<_> = listing
            .hosts()
            .map(|host| {
                while old.next_if(|(was, _)| was.key < host.key).is_some() {}
                match old.next_if(|(was, _)| was.key.cmp(&host.key) == Ordering::Equal) {
                    Some((was, shown)) if is_unchanged(was, host) => {
                        kept += 1;
                        Arc::clone(shown)
                    }
                    _ => endpoint(host),
                }
            })
            .collect();
        if kept == endpoints.len() && kept == self.endpoints.len() {
            let resource = Arc::clone(&self.resource);
            return Self {
                listing,
                endpoints,
                resource,
            };
        }
        Self::of(Arc::clone(self.resource.name()), listing, endpoints)
    }

    /// Whether it shows that very list.
    pub(crate) fn shows(&self, listing: &Arc<Listing>) -> bool {
        Arc::ptr_eq(&self.listing, listing)
    }

    /// The endpoints as Envoy is told them.
    pub(crate) fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    fn of(service: Arc<str>, listing: Arc<Listing>, endpoints: Vec<Arc<Endpoint>>) -> Self {
        Self {
            resource: Arc::new(assigned(service, &endpoints)),
            listing,
            endpoints,
        }
    }
}

/// The endpoints of a service without hosts: what is told of one that nobody knows. Only this takes the last host from
/// an Envoy; leaving the resource out would not.
pub(crate) fn no_endpoints(service: Arc<str>) -> Resource {
    assigned(service, &[])
}

fn assigned(service: Arc<str>, endpoints: &[Arc<Endpoint>]) -> Resource {
    let assignment = Assignment::new(Arc::clone(&service), endpoints);
    Resource::new(service, Content::Endpoints(assignment))
}

fn endpoint(host: &Arc<Host>) -> Arc<Endpoint> {
    Arc::new(Endpoint::from(&**host))
}

fn is_unchanged(was: &Arc<Host>, is: &Arc<Host>) -> bool {
    Arc::ptr_eq(was, is) || was.differs_only_in_check_in(is)
}

#[cfg(test)]
mod tests;
