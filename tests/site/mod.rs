//! Declarations, and the fixtures that carry some.

mod incidents;
mod init;
