//! The hosts in a DynamoDB table.
