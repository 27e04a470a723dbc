//! Many devices at once, a bounded number at a time. One that fails never costs another one's evidence.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::{Id, JoinSet, spawn_blocking};

use super::device::capture;
use super::redact::Redactor;
use super::ssh::Hops;
use super::target::{Limits, Target};
use crate::evidence::{DeviceEvidence, Identity, Source};
use crate::reason::Reason;

/// Devices at once unless said otherwise: beyond it nothing was gained on two cores.
pub const CONCURRENCY: usize = 16;

/// How to collect.
#[derive(Debug, Clone)]
pub struct Options {
    /// Devices at once; 0 counts as 1.
    pub concurrency: usize,
    /// Time and size limits of each.
    pub limits: Limits,
    /// What hides secrets.
    pub redactor: Arc<Redactor>,
}

impl Options {
    /// The usual limits.
    pub fn new(redactor: Redactor) -> Self {
        Self { concurrency: CONCURRENCY, limits: Limits::default(), redactor: Arc::new(redactor) }
    }
}

/// What became of one device; its artifacts went to the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Name of the device.
    pub name: String,
    /// Who it is, as far as it showed.
    pub identity: Identity,
    /// Artifacts captured.
    pub artifacts: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What failed; empty when the evidence is complete.
    pub failures: Vec<Reason>,
}

impl Captured {
    fn of(evidence: &DeviceEvidence) -> Self {
        Self {
            name: evidence.name.clone(),
            identity: evidence.identity.clone(),
            artifacts: evidence.artifacts.len(),
            bytes: evidence.artifacts.values().map(|a| a.bytes.len() as u64).sum(),
            failures: evidence.failures.clone(),
        }
    }
}

/// What is happening, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A device's turn has come.
    Started(&'a str),
    /// A device is through.
    Finished {
        /// Its name.
        device: &'a str,
        /// Number of things that failed.
        failures: usize,
    },
}

struct Shared<S, P> {
    options: Options,
    hops: Hops,
    sink: S,
    progress: P,
}

/// Captures every target and hands each device's evidence to `sink` as soon as it is there, also that of a
/// device that failed. Comes back in the order of the targets. Needs a tokio runtime with time and network.
///
/// Dropping the future ends every connection. `sink` may block; it runs outside of the threads that drive
/// connections.
///
/// # Errors
/// The first error of `sink`; devices that are not finished then are given up.
pub async fn collect<S, E, P>(
    targets: Vec<Target>,
    options: &Options,
    sink: S,
    progress: P,
) -> Result<Vec<Captured>, E>
where
    S: Fn(DeviceEvidence) -> Result<(), E> + Send + Sync + 'static,
    E: Send + 'static,
    P: Fn(Event<'_>) + Send + Sync + 'static,
{
    let concurrency = options.concurrency.max(1);
    let shared = Arc::new(Shared { options: options.clone(), hops: Hops::default(), sink, progress });
    let mut done: Vec<Option<Captured>> = Vec::new();
    done.resize_with(targets.len(), || None);
    let mut waiting = targets.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut started: HashMap<Id, (usize, Target)> = HashMap::new();
    loop {
        while running.len() < concurrency {
            let Some((index, target)) = waiting.next() else { break };
            let task = running.spawn(one(Arc::clone(&shared), target.clone()));
            started.insert(task.id(), (index, target));
        }
        let Some(joined) = running.join_next_with_id().await else { break };
        let id = joined.as_ref().map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
        let Some((index, target)) = started.remove(&id) else { continue };
        let captured = match joined {
            Ok((_, captured)) => captured?,
            Err(error) => finish(&shared, lost(&target, &error.to_string())).await?,
        };
        if let Some(slot) = done.get_mut(index) {
            *slot = Some(captured);
        }
    }
    Ok(done.into_iter().flatten().collect())
}

async fn one<S, E, P>(shared: Arc<Shared<S, P>>, target: Target) -> Result<Captured, E>
where
    S: Fn(DeviceEvidence) -> Result<(), E> + Send + Sync + 'static,
    E: Send + 'static,
    P: Fn(Event<'_>) + Send + Sync + 'static,
{
    (shared.progress)(Event::Started(&target.name));
    let evidence = capture(&target, &shared.options, &shared.hops).await;
    finish(&shared, evidence).await
}

async fn finish<S, E, P>(shared: &Arc<Shared<S, P>>, evidence: DeviceEvidence) -> Result<Captured, E>
where
    S: Fn(DeviceEvidence) -> Result<(), E> + Send + Sync + 'static,
    E: Send + 'static,
    P: Fn(Event<'_>) + Send + Sync + 'static,
{
    let captured = Captured::of(&evidence);
    let sinking = Arc::clone(shared);
    match spawn_blocking(move || (sinking.sink)(evidence)).await {
        Ok(result) => result?,
        // The sink panicked or the runtime is going down; either way it must not look like success.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
    (shared.progress)(Event::Finished { device: &captured.name, failures: captured.failures.len() });
    Ok(captured)
}

/// The evidence of a device whose task broke down: our fault, and no reason to lose the others.
fn lost(target: &Target, problem: &str) -> DeviceEvidence {
    let platforms = target.platforms.iter().map(|p| p.id().to_owned()).collect();
    let mut evidence = DeviceEvidence::new(target.name.clone(), platforms, Source::Snapshot);
    evidence.identity.address = Some(target.endpoint.to_string());
    evidence.failures.push(Reason::DeviceFailed { problem: problem.to_owned() });
    evidence
}
