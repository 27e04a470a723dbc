//! Capture against simulated devices that misbehave, and against a real OpenSSH server.

mod faults;
mod fleet;
mod hostile;
#[cfg(unix)]
mod openssh;
mod shell;
