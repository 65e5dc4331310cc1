//! Stores and wrappers that need no heavy dependency.
