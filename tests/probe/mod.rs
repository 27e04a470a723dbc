//! The owner's live test: a real Postfix tested from outside, and servers that misbehave.

mod gate;
mod hostile;
#[cfg(unix)]
mod lab;
mod model;
