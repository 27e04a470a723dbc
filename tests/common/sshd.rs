//! A real OpenSSH server on loopback.
