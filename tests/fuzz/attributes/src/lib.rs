//! What the module that reads items uses of the AWS SDK.

/// Types of the table.
pub mod types {
    /// A value in an item.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum AttributeValue {
        /// Bytes.
        B(Vec<u8>),
        /// Yes or no.
        Bool(bool),
        /// A number, as text.
        N(String),
        /// Nothing.
        Null(bool),
        /// Text.
        S(String),
    }
}
