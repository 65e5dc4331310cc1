//! Which services have hosts of a service repo.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use discovery_domain::{HostKey, HostList, Row, ServiceName, ServiceRepoName};

use super::Shards;

/// The service repos, each with the services that its hosts belong to. A check-in that stays in its repo does not come
/// here.
pub(super) struct Repos(Shards<Mutex<HashMap<ServiceRepoName, Repo>>>);

#[derive(Default)]
struct Repo {
    /// How many of the repo's hosts each service has.
    services: BTreeMap<ServiceName, usize>,
    list: Option<RepoList>,
}

/// The list of a repo, and the lists of services that it was made of.
#[derive(Clone)]
struct RepoList {
    of: Arc<[Arc<HostList>]>,
    list: Arc<HostList>,
}

impl RepoList {
    fn is_of(&self, services: &[Arc<HostList>]) -> bool {
        let same = |(ours, theirs): (&Arc<_>, &Arc<_>)| Arc::ptr_eq(ours, theirs);
        self.of.len() == services.len() && self.of.iter().zip(services).all(same)
    }
}

impl Repos {
    pub(super) fn new() -> Self {
        Self(Shards::new())
    }

    /// Notes that a host left one repo for another; no repo, and one without a name, count as none.
    pub(super) fn moved(
        &self,
        host: &HostKey,
        from: Option<&ServiceRepoName>,
        to: Option<&ServiceRepoName>,
    ) {
        if from == to {
            return;
        }
        if let Some(repo) = from.filter(|repo| !repo.is_empty()) {
            self.left(repo, host.service());
        }
        if let Some(repo) = to.filter(|repo| !repo.is_empty()) {
            self.joined(repo, host.service());
        }
    }

    /// The list of a repo, made of the lists of its services unless none of them has changed.
    pub(super) fn list(
        &self,
        repo: &ServiceRepoName,
        hosts_of: impl Fn(&ServiceName) -> Arc<HostList>,
    ) -> Arc<HostList> {
        let Some((services, known)) = self.services_of(repo) else {
            return Arc::default();
        };
        let of: Arc<[_]> = services.iter().map(hosts_of).collect();
        if let Some(known) = known.filter(|known| known.is_of(&of)) {
            return known.list;
        }
        let is_of_repo = |row: &&Row| row.host.service_repo_name == *repo;
        let list = match &*of {
            [only] if only.rows().iter().all(|row| is_of_repo(&row)) => only.rows().clone().into(),
            _ => {
                let rows = of.iter().flat_map(|list| list.rows().iter());
                HostList::new(rows.filter(is_of_repo).cloned().collect())
            }
        };
        let list = Arc::new(list);
        self.keep(repo, RepoList { of, list })
    }

    fn services_of(&self, repo: &ServiceRepoName) -> Option<(Vec<ServiceName>, Option<RepoList>)> {
        let repos = self.shard(repo);
        let repo = repos.get(repo)?;
        Some((repo.services.keys().cloned().collect(), repo.list.clone()))
    }

    /// Keeps a new list of a repo, unless another reader has kept one made of the same lists before.
    fn keep(&self, repo: &ServiceRepoName, new: RepoList) -> Arc<HostList> {
        let mut repos = self.shard(repo);
        let Some(repo) = repos.get_mut(repo) else {
            return new.list;
        };
        let known = repo.list.take().filter(|known| known.is_of(&new.of));
        repo.list.insert(known.unwrap_or(new)).list.clone()
    }

    fn joined(&self, repo: &ServiceRepoName, service: &ServiceName) {
        let mut repos = self.shard(repo);
        let repo = repos.entry(repo.clone()).or_default();
        match repo.services.get_mut(service) {
            Some(hosts) => *hosts += 1,
            None => {
                repo.services.insert(service.clone(), 1);
            }
        }
    }

    fn left(&self, name: &ServiceRepoName, service: &ServiceName) {
        let mut repos = self.shard(name);
        let Some(repo) = repos.get_mut(name) else {
            return;
        };
        match repo.services.get_mut(service) {
            Some(hosts) if *hosts > 1 => *hosts -= 1,
            _ => {
                repo.services.remove(service);
            }
        }
        if repo.services.is_empty() {
            repos.remove(name);
        }
    }

    fn shard(&self, repo: &ServiceRepoName) -> MutexGuard<'_, HashMap<ServiceRepoName, Repo>> {
        self.0
            .of(repo)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
