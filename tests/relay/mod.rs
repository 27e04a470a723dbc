//! The relay half against configurations with known truth.

mod fixtures;
mod shared;
