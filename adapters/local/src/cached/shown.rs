//! How this node's writes show on its lists.

use discovery_domain::{Change, HostKey, Row, ServiceName, ServiceRepoName};

use super::{Key, Shared};

impl Shared {
    /// Shows a stored row on every list it is on, and takes it off the one it has left.
    pub(super) fn stored(&self, change: &Change) {
        let (host, row) = (&change.row.host, Some(&change.row));
        let previous = change.previous.as_ref();
        let (stayed, moved) = match previous {
            Some(old) if old.host.service_repo_name != host.service_repo_name => (None, previous),
            _ => (previous, None),
        };
        self.wrote(
            &Key::Service(host.key.service().clone()),
            &host.key,
            previous,
            row,
        );
        self.wrote(
            &Key::Repo(host.service_repo_name.clone()),
            &host.key,
            stayed,
            row,
        );
        if let Some(moved) = moved {
            self.wrote(
                &Key::Repo(moved.host.service_repo_name.clone()),
                &host.key,
                Some(moved),
                None,
            );
        }
    }

    /// Takes a host off its lists.
    pub(super) fn removed(&self, key: &HostKey, row: Option<&Row>) {
        let service = Key::Service(key.service().clone());
        let shown = self.lists.get(&service).and_then(|entry| entry.row(key));
        if let Some(row) = row.or(shown.as_ref()) {
            let repo = Key::Repo(row.host.service_repo_name.clone());
            self.wrote(&repo, key, Some(row), None);
        }
        self.wrote(&service, key, row, None);
    }

    fn wrote(&self, list: &Key, key: &HostKey, before: Option<&Row>, after: Option<&Row>) {
        if let Some(entry) = self.lists.get(list) {
            entry.wrote(key, before, after);
        }
    }

    /// Has the lists that may show a host read again: a write of it ended without saying whether it was done.
    pub(super) fn doubt(
        &self,
        service: &ServiceName,
        repos: impl IntoIterator<Item = ServiceRepoName>,
    ) {
        let lists = repos
            .into_iter()
            .map(Key::Repo)
            .chain([Key::Service(service.clone())]);
        lists
            .filter_map(|list| self.lists.get(&list))
            .for_each(|entry| entry.doubt());
    }
}
