//! One look at every target, into the store.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::global::Global;
use super::{CliError, progress};
use crate::capture::redact::{Key, Redactor};
use crate::capture::{Captured, Limits, Options, Target, collect};
use crate::evidence::store::Entry;
use crate::evidence::{DeviceEvidence, Phase, Store};
use crate::platform::{self, REGISTRY};

/// Takes snapshots of one change.
pub(super) struct Camera {
    /// The change's id in the store.
    pub(super) change: String,
    store: Store,
    options: Options,
    quiet: bool,
    clock: Clock,
    /// Leave out what was asked for on suspicion and is not there.
    detect: bool,
}

/// The present time.
pub(super) type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// A snapshot and what became of each device.
pub(super) struct Taken {
    /// The snapshot in the store.
    pub(super) entry: Entry,
    /// The devices, in the order of the targets.
    pub(super) devices: Vec<Captured>,
}

impl Camera {
    /// A camera for a change.
    ///
    /// # Errors
    /// The store's key for hiding secrets cannot be read or made.
    pub(super) fn new(global: &Global, change: &str, concurrency: usize) -> Result<Self, CliError> {
        let store = global.store();
        let random = || {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map(|()| bytes).map_err(std::io::Error::other)
        };
        let key = Key::new(store.redaction_key(random)?);
        let redactor = Redactor::new(key, REGISTRY.iter())
            .map_err(|e| CliError::Exit(super::exit::Exit::Internal, e.to_string()))?;
        let options = Options { concurrency, limits: limits(), ..Options::new(redactor) };
        let fixed = global.now;
        let clock: Clock = Arc::new(move || fixed.unwrap_or_else(OffsetDateTime::now_utc));
        Ok(Self { change: change.to_owned(), store, options, quiet: global.quiet, clock, detect: false })
    }

    /// Goes by another clock.
    pub(super) fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Leaves platforms out of the evidence whose signs the device says it does not have: for hosts of which nobody has
    /// declared what they are.
    pub(super) fn detecting(self) -> Self {
        Self { detect: true, ..self }
    }

    /// No progress bar.
    pub(super) fn silent(&mut self) {
        self.quiet = true;
    }

    /// The present time.
    pub(super) fn now(&self) -> OffsetDateTime {
        (self.clock)()
    }

    /// Captures every target into a new snapshot. Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// The store refuses. Devices that fail are no error: they are part of the evidence.
    pub(super) async fn take(
        &self,
        phase: Phase,
        targets: &[Target],
        total: Option<Duration>,
    ) -> Result<Taken, CliError> {
        let (store, change, now) = (self.store.clone(), self.change.clone(), self.now());
        let begin = tokio::task::spawn_blocking(move || store.begin(&change, phase, now));
        let writer = Arc::new(begin.await.map_err(broken)??);
        let mut options = self.options.clone();
        let mut targets = targets.to_vec();
        if let Some(total) = total {
            options.limits.total = total;
            for target in &mut targets {
                target.timeout = target.timeout.map(|own| own.min(total));
            }
        }
        let (into, detect) = (Arc::clone(&writer), self.detect);
        let sink = move |mut device: DeviceEvidence| {
            if detect {
                leave_out_absent(&mut device);
            }
            into.add(&device)
        };
        let bar = progress::bar(targets.len(), self.quiet);
        let devices = collect(targets, &options, sink, bar).await?;
        let now = self.now();
        let entry = tokio::task::spawn_blocking(move || writer.finish(now)).await.map_err(broken)??;
        Ok(Taken { entry, devices })
    }
}

/// A platform whose every sign the device says it does not have is not there. What could not be asked stays, and so does
/// the first one, the packet filter: a host without any is one that filters nothing.
fn leave_out_absent(device: &mut DeviceEvidence) {
    let (first, suspected) = match device.platforms.split_first() {
        Some((first, rest)) => (first.clone(), rest.to_vec()),
        None => return,
    };
    let there = suspected.into_iter().filter(|id| !platform::is_absent(id, device));
    device.platforms = [first].into_iter().chain(there).collect();
}

/// The usual limits; where somebody may have to type a passphrase, with time for it.
fn limits() -> Limits {
    let usual = Limits::default();
    let typing = std::io::IsTerminal::is_terminal(&std::io::stdin());
    Limits { login: if typing { Duration::from_secs(60) } else { usual.login }, ..usual }
}

fn broken(problem: impl std::fmt::Display) -> CliError {
    CliError::Exit(super::exit::Exit::Internal, problem.to_string())
}

/// Runs on a runtime of its own. Whoever still waits for a line from the terminal is not waited for.
///
/// # Errors
/// What the future answers, or the system refuses threads.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(broken)?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    result
}
