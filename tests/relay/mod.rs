//! The relay half against configurations with known truth, and against real servers.

mod fixtures;
#[cfg(unix)]
mod live;
mod postfix_fixtures;
mod shared;
