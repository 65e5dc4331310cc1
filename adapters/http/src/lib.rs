//! The REST API and its OpenAPI contract.
