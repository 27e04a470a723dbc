//! Integration tests: one binary, folders as in `src/`.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

mod capture;
mod check;
mod cli;
mod common;
mod docs;
mod evidence;
mod platform;
mod probe;
mod relay;
mod site;
