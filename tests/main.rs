//! Integration tests: one binary, folders mirror `src/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests fail by panicking, and helpers of tests are no tests to clippy"
)]

mod common;
mod site;
