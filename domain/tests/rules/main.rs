//! The rules by which hosts are listed, and what may be done to them: one test a sentence.

mod ages;
mod any_tags;
mod guard;
mod node;
mod registry;
mod sweep;
mod tags;
mod values;
