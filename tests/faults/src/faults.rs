//! Every fault, in the order of the table.

mod unread_log;

use crate::fault::Fault;

/// What is run where nothing is named.
pub(crate) const ALL: &[Fault] = &[unread_log::FAULT];
