//! The relay half against configurations with known truth, and against real servers.

#[cfg(unix)]
mod live;
mod shared;
