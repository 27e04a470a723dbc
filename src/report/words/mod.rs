//! Texts, one file a subject, each in English and in Japanese.

pub mod declarations;
pub mod init;
pub mod phrases;
pub mod reasons;
pub mod verdict;

pub use reasons::reason;
