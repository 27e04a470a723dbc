//! Texts, one file a subject, each in English and in Japanese.

pub mod declarations;
pub mod init;
pub mod reasons;

pub use reasons::reason;
