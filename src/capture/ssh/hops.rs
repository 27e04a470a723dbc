//! A host on the way is met by many connections at once; only a few of them may be logging in at a time.
//!
//! sshd begins to drop connections at random when ten have not logged in yet (MaxStartups in sshd_config(5)),
//! and a dropped one would look like a device that fails.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::target::Endpoint;

/// Logins at a time per host.
const LOGINS: usize = 4;

/// The hosts on the way to the targets of one run.
#[derive(Debug, Default)]
pub(in crate::capture) struct Hops {
    open: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Hops {
    /// Waits for the turn to log in at a host; it is over when the permit is dropped.
    pub(super) async fn turn(&self, host: &Endpoint) -> Option<OwnedSemaphorePermit> {
        let turns = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(open.entry(host.to_string()).or_insert_with(|| Arc::new(Semaphore::new(LOGINS))))
        };
        turns.acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::evidence::Age;

    #[tokio::test]
    async fn only_so_many_log_in_at_one_host_and_others_do_not_wait_for_it() {
        let host = |port| Endpoint {
            host: "hop".to_owned(),
            port,
            user: String::new(),
            auth: Vec::new(),
            algorithms: Age::Modern,
        };
        let hops = Hops::default();
        let mut turns = Vec::new();
        for _ in 0..LOGINS {
            turns.push(hops.turn(&host(22)).await);
        }
        let soon = Duration::from_millis(50);
        assert!(tokio::time::timeout(soon, hops.turn(&host(22))).await.is_err());
        assert!(tokio::time::timeout(soon, hops.turn(&host(23))).await.is_ok());
        turns.pop();
        assert!(tokio::time::timeout(soon, hops.turn(&host(22))).await.is_ok());
    }
}
