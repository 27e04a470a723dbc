//! Texts, one file a subject, each in English and in Japanese.

pub mod connect;
pub mod declarations;
pub mod demo;
pub mod errors;
pub mod explain;
pub mod guard;
pub mod init;
pub mod phrases;
pub mod probe;
pub mod reasons;
pub mod rollback;
pub mod steps;
pub mod verdict;
pub mod window;

pub use reasons::reason;
