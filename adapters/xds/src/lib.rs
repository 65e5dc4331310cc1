//! The hosts as Envoy reads them.
