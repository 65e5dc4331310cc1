//! What a call makes of the row it finds: the one atomic step of every store that keeps its rows in this process.

use std::sync::Arc;

use discovery_domain::{
    Change, CheckIn, Host, HostKey, InvalidValue, LoadBalancingWeight, Removed, Row,
};

/// What is to become of a row.
pub(crate) enum Write {
    /// It stays as it is.
    Keep,
    /// This one is stored in its place.
    Store(Row),
    /// It is removed.
    Remove,
}

/// What a call finds in the store.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    /// The row of the host that it is about.
    pub(crate) row: Option<&'a Row>,
    /// Where the host is new, a row of another host of its service, to share names with.
    pub(crate) kin: Option<&'a Row>,
}

/// Stores what a check-in makes of the row.
pub(crate) fn check_in(
    mut check_in: CheckIn,
    found: Found<'_>,
) -> (Write, Result<Change, InvalidValue>) {
    if let Some(kin) = found.kin {
        share(&mut check_in, &kin.host);
    }
    let change = check_in.onto(found.row).map(|row| Change {
        row,
        previous: found.row.cloned(),
        recorded: true,
    });
    let write = match &change {
        Ok(change) => Write::Store(change.row.clone()),
        Err(_) => Write::Keep,
    };
    (write, change)
}

/// Has a new host hold the names that it has in common with another in the same memory.
fn share(check_in: &mut CheckIn, kin: &Host) {
    check_in.key = HostKey::new(kin.key.service().clone(), check_in.key.address());
    if check_in.service_repo_name == kin.service_repo_name {
        check_in.service_repo_name = kin.service_repo_name.clone();
    }
    if check_in.revision == kin.revision {
        check_in.revision = kin.revision.clone();
    }
}

/// Sets a weight; a host that has it already stays as it is.
pub(crate) fn set_weight(weight: LoadBalancingWeight, found: Found<'_>) -> (Write, Option<Change>) {
    let (write, change) = change_weight(weight, found);
    let unchanged = || {
        let row = found.row?.clone();
        let previous = Some(row.clone());
        Some(Change {
            row,
            previous,
            recorded: true,
        })
    };
    (write, change.or_else(unchanged))
}

/// Sets a weight, and answers nothing for a host that has it already.
pub(crate) fn change_weight(
    weight: LoadBalancingWeight,
    found: Found<'_>,
) -> (Write, Option<Change>) {
    let changed = found.row.and_then(|row| weighted(row, weight));
    match changed {
        Some(change) => (Write::Store(change.row.clone()), Some(change)),
        None => (Write::Keep, None),
    }
}

/// A row with that weight, unless it has it already.
pub(crate) fn weighted(row: &Row, weight: LoadBalancingWeight) -> Option<Change> {
    if row.host.tags.weight() == Some(weight) {
        return None;
    }
    let host = Host {
        tags: row.host.tags.with_weight(weight),
        ..Host::clone(&row.host)
    };
    Some(Change {
        row: row.with(Arc::new(host)),
        previous: Some(row.clone()),
        recorded: true,
    })
}

/// Removes the row, whatever is in it.
pub(crate) fn delete(found: Found<'_>) -> (Write, Option<Removed>) {
    match found.row {
        Some(row) => {
            let row = Some(row.clone());
            (Write::Remove, Some(Removed { row }))
        }
        None => (Write::Keep, None),
    }
}

/// Removes the row while its check-in is the one that was seen.
pub(crate) fn delete_unrenewed(seen: &Row, found: Found<'_>) -> (Write, bool) {
    match unrenewed(seen, found) {
        Some(_) => (Write::Remove, true),
        None => (Write::Keep, false),
    }
}

/// Gives the row a later check-in while its own is the one that was seen.
pub(crate) fn renew(seen: &Row, to: &Row, found: Found<'_>) -> (Write, bool) {
    let Some(row) = unrenewed(seen, found) else {
        return (Write::Keep, false);
    };
    let host = Host {
        last_check_in: to.host.last_check_in,
        ..Host::clone(&row.host)
    };
    (Write::Store(to.with(Arc::new(host))), true)
}

/// The row, while its check-in is the one that was seen.
fn unrenewed<'a>(seen: &Row, found: Found<'a>) -> Option<&'a Row> {
    found.row.filter(|row| {
        row.host.last_check_in == seen.host.last_check_in && row.renewed == seen.renewed
    })
}
