//! Integration tests: one binary, folders as in `src/`.

mod capture;
mod common;
