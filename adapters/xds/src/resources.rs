//! What there is to tell, in one place for all streams: each resource once, whoever subscribes to it.

mod list;
mod mailbox;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use discovery_domain::ServiceName;

use crate::cluster::{ClusterTemplate, EdsSource};
use crate::kind::Kind;
use crate::listener::Listener;
use crate::resource::Resource;
use crate::snapshot::no_endpoints;

pub(crate) use list::{Difference, List};
pub(crate) use mailbox::{Interest, Mailbox, News};

/// The resources that are being told. Does no I/O: endpoints are read for it by whoever gets an [`Interest`].
pub(crate) struct Resources {
    template: Arc<ClusterTemplate>,
    /// The template of clusters that are asked for by name; the same one where these need no other.
    by_name: Arc<ClusterTemplate>,
    /// The most services that are watched at a time, over all streams.
    most_watched: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The services whose endpoints somebody subscribes to.
    services: HashMap<Arc<str>, Watched>,
    /// None until the whole catalogue is known.
    clusters: Option<Arc<Clusters>>,
    mailboxes: BTreeMap<u64, Arc<Mailbox>>,
    opened: u64,
    stopped: bool,
}

struct Watched {
    /// None until it is read for the first time.
    current: Option<Arc<Resource>>,
    /// Whether the store could not be asked and this is what it said before.
    is_stale: bool,
    /// None for a name that no service can have.
    interest: Option<Arc<Interest>>,
    mailboxes: BTreeMap<u64, Arc<Mailbox>>,
}

/// The clusters of all services, for each way on which they are read.
struct Clusters([Arc<List>; EdsSource::ALL.len()]);

/// That no more services are watched than this many, which are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full(pub(crate) usize);

/// What is known of a resource.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// Nothing yet: it is being read.
    Unread,
    /// There is none.
    Absent,
    /// This one.
    Found(Arc<Resource>),
}

impl Resources {
    /// Nothing yet; clusters will be made from the template, and endpoints of so many services be told.
    pub(crate) fn new(template: ClusterTemplate, most_watched: usize) -> Self {
        let template = Arc::new(template);
        Self {
            by_name: template.by_name(),
            template,
            most_watched,
            state: Mutex::default(),
        }
    }

    /// Opens the mailbox of a new stream.
    pub(crate) fn open(&self) -> Arc<Mailbox> {
        let mut state = self.state();
        state.opened += 1;
        let mailbox = Arc::new(Mailbox::new(state.opened));
        if state.stopped {
            mailbox.post(News::stop);
        }
        state.mailboxes.insert(mailbox.id(), Arc::clone(&mailbox));
        mailbox
    }

    /// Closes a mailbox that watches these names.
    pub(crate) fn close<'a>(
        &self,
        mailbox: &Mailbox,
        names: impl IntoIterator<Item = &'a Arc<str>>,
    ) {
        self.unwatch(mailbox, names);
        self.state().mailboxes.remove(&mailbox.id());
    }

    /// Sends a stream the news of these services, each named once, and returns those that have to be read from now on.
    /// Watches none of them if that made too many.
    pub(crate) fn watch(
        &self,
        mailbox: &Arc<Mailbox>,
        names: &[Arc<str>],
    ) -> Result<Vec<Arc<Interest>>, Full> {
        let mut state = self.state();
        let is_new = |name: &&Arc<str>| !state.services.contains_key(&***name);
        let new = names.iter().filter(is_new).count();
        if new > 0 && state.services.len() + new > self.most_watched {
            return Err(Full(self.most_watched));
        }
        let mut unread = Vec::new();
        for name in names {
            let watched = state.services.entry(Arc::clone(name)).or_insert_with(|| {
                let watched = Watched::new(name);
                unread.extend(watched.interest.clone());
                watched
            });
            watched.mailboxes.insert(mailbox.id(), Arc::clone(mailbox));
        }
        Ok(unread)
    }

    /// Stops the news of these services; one that nobody watches any more is forgotten.
    pub(crate) fn unwatch<'a>(
        &self,
        mailbox: &Mailbox,
        names: impl IntoIterator<Item = &'a Arc<str>>,
    ) {
        let mut state = self.state();
        for name in names {
            let Some(watched) = state.services.get_mut(name) else {
                continue;
            };
            watched.mailboxes.remove(&mailbox.id());
            if watched.mailboxes.is_empty() {
                watched.interest.iter().for_each(|interest| interest.end());
                state.services.remove(name);
            }
        }
    }

    /// The interest in a service, where anybody has one.
    pub(crate) fn interest(&self, service: &ServiceName) -> Option<Arc<Interest>> {
        self.state()
            .services
            .get(service.as_str())?
            .interest
            .clone()
    }

    /// Every interest there is.
    pub(crate) fn interests(&self) -> Vec<Arc<Interest>> {
        let state = self.state();
        state
            .services
            .values()
            .filter_map(|watched| watched.interest.clone())
            .collect()
    }

    /// Takes what was read of a service and tells everyone who watches it, if it is new; tells whether it is.
    pub(crate) fn publish(
        &self,
        interest: &Arc<Interest>,
        resource: &Arc<Resource>,
        is_stale: bool,
    ) -> bool {
        let mut state = self.state();
        let watched = state.services.get_mut(resource.name());
        let Some(watched) = watched.filter(|watched| watched.is_for(interest)) else {
            return false;
        };
        watched.is_stale = is_stale;
        let current = watched.current.as_ref();
        if current.is_some_and(|current| current.version() == resource.version()) {
            return false;
        }
        watched.current = Some(Arc::clone(resource));
        for mailbox in watched.mailboxes.values() {
            mailbox.post(|news| news.name(resource.name()));
        }
        true
    }

    /// Those of these services of which only what was last read can be told.
    pub(crate) fn stale_of<'a>(&self, told: &'a [Arc<Resource>]) -> Vec<&'a Arc<str>> {
        let state = self.state();
        let names = told.iter().map(|resource| resource.name());
        let is_stale = |name: &&Arc<str>| state.services.get(&***name).is_some_and(|s| s.is_stale);
        names.filter(is_stale).collect()
    }

    /// Takes the whole catalogue and tells everyone, if it is new.
    pub(crate) fn publish_catalogue<'a>(
        &self,
        services: impl IntoIterator<Item = &'a ServiceName>,
    ) {
        let services = services.into_iter();
        let services: Vec<_> = services.filter(|s| ClusterTemplate::suits(s)).collect();
        let before = self.state().clusters.clone();
        let clusters = EdsSource::ALL.map(|source| {
            let before = before.as_deref().map(|clusters| clusters.of(source));
            let cluster = |service: &ServiceName| self.template.cluster(service, source);
            Arc::new(List::of(&services, before.map(|list| &**list), cluster))
        });
        let mut state = self.state();
        state.clusters = Some(Arc::new(Clusters(clusters)));
        for mailbox in state.mailboxes.values() {
            mailbox.post(News::clusters);
        }
    }

    /// Has every stream end, and every later one at once.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        for mailbox in state.mailboxes.values() {
            mailbox.post(News::stop);
        }
    }

    /// What is known of a resource that is asked for by its name. Of a cluster or listener nothing needs to be read:
    /// a name that some service could have has one, so that none is taken away because its hosts are.
    pub(crate) fn lookup(&self, kind: Kind, source: EdsSource, name: &str) -> Lookup {
        if kind == Kind::Endpoints {
            let state = self.state();
            let watched = state.services.get(name);
            let current = watched.and_then(|watched| watched.current.clone());
            return current.map_or(Lookup::Unread, Lookup::Found);
        }
        let Ok(service) = ServiceName::parse(name) else {
            return Lookup::Absent;
        };
        if kind == Kind::Listeners {
            return Lookup::Found(Arc::new(Listener::of(&service)));
        }
        let listed = self.listed_by_name(source, name);
        Lookup::Found(listed.unwrap_or_else(|| Arc::new(self.by_name.cluster(&service, source))))
    }

    /// A cluster on the list, where it is the same for those who ask for it by name.
    fn listed_by_name(&self, source: EdsSource, name: &str) -> Option<Arc<Resource>> {
        let is_same = Arc::ptr_eq(&self.by_name, &self.template);
        let list = self.list(Kind::Clusters, source).filter(|_| is_same)?;
        list.get(name).cloned()
    }

    /// All resources of a kind, for those who ask without names; None until they are known. There are no listeners
    /// but those that are asked for.
    pub(crate) fn list(&self, kind: Kind, source: EdsSource) -> Option<Arc<List>> {
        match kind {
            Kind::Clusters => {
                let clusters = self.state().clusters.clone();
                clusters.map(|clusters| Arc::clone(clusters.of(source)))
            }
            Kind::Endpoints | Kind::Listeners => Some(Arc::default()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clusters {
    fn of(&self, source: EdsSource) -> &Arc<List> {
        &self.0[source as usize]
    }
}

impl Watched {
    fn new(name: &Arc<str>) -> Self {
        let service = ServiceName::parse(name).ok();
        Self {
            current: service
                .is_none()
                .then(|| Arc::new(no_endpoints(Arc::clone(name)))),
            is_stale: false,
            interest: service.map(|service| Arc::new(Interest::new(service))),
            mailboxes: BTreeMap::new(),
        }
    }

    fn is_for(&self, interest: &Arc<Interest>) -> bool {
        self.interest
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, interest))
    }
}
