//! (in preparation)

pub mod words;
