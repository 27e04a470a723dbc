//! `demo`: a whole story with nothing set up. Simulated devices are served over real SSH on loopback, and everything from
//! the first packet to the verdict goes the way that real devices go.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use time::OffsetDateTime;

use super::CliError;
use super::check::Console;
use super::declared::{Declared, Texts};
use super::exit::Exit;
use super::global::Global;
use super::snapshot::{Camera, Clock, block_on};
use super::window::Window;
use crate::capture::known_hosts::key_id;
use crate::capture::{Auth, Endpoint, SecretSource, Target};
use crate::evidence::Age;
use crate::platform;
use crate::reason::Reason;
use crate::report::text::{escape, quoted};
use crate::report::ticker::clock;
use crate::report::words::demo as words;
use crate::report::{Lang, captured};
use crate::simulate::story::{Phase, Story, names, story};
use crate::simulate::{Fleet, Login, SimulateError};
use crate::site::Source;
use crate::site::find::{CHANGE_FILE, SITE_FILE};
use crate::site::load::load;

/// Login of the simulated devices, good for nothing else.
const PASSWORD: &str = "sekisho-demo";

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The incident
    #[arg(value_name = "INCIDENT", default_value = "akita", value_parser = incident)]
    incident: String,
}

fn incident(name: &str) -> Result<String, String> {
    let known = names();
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(format!("there is no such incident; there are {}", known.join(", ")))
}

/// Plays the story and judges it.
pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let story = story(&args.incident).map_err(internal)?;
    let console = Console::of(global)?;
    // evidence that nobody wants to keep lies in a folder that goes away
    let temporary = tempfile::tempdir()?;
    let kept = global.store.is_some();
    let store = global.store.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    if kept {
        may_keep(&story, &store, global.lang())?;
    }
    let global = Global { store: Some(store.clone()), now: None, ..global.clone() };
    let source = |name: &str, text: &str| Some(Source::new(name, text));
    let (site, change) = (source(SITE_FILE, story.site), source(CHANGE_FILE, story.change));
    let path = if kept { store.join(SITE_FILE) } else { PathBuf::from(SITE_FILE) };
    let texts = Texts { path: Some(path), site, change };
    let declared = global.read(Ok(texts), load)?;
    let exit = block_on(play(&story, &declared, &global, (console, kept)))?;
    if kept {
        keep(&story, &store)?;
        if !global.quiet {
            let store = store.display().to_string();
            let site = quoted(&Path::new(&store).join(SITE_FILE).display().to_string());
            let command = format!("sekisho check --site {site} --store {}", quoted(&store));
            console.write(&format!("{}\n", words::kept(&escape(&command), global.lang())), global.color)?;
        }
    }
    Ok(exit)
}

/// Whether nothing of somebody else is in the way of the story's declarations.
fn may_keep(story: &Story, store: &Path, lang: Lang) -> Result<(), CliError> {
    for (name, text) in [(SITE_FILE, story.site), (CHANGE_FILE, story.change)] {
        let path = store.join(name);
        match fs::read(&path) {
            Ok(there) if there != text.as_bytes() => {
                let path = escape(&path.display().to_string());
                return Err(CliError::Usage(words::occupied(&path, lang)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Lays the declarations beside the evidence, so that `check` finds both.
fn keep(story: &Story, store: &Path) -> Result<(), CliError> {
    for (name, text) in [(SITE_FILE, story.site), (CHANGE_FILE, story.change)] {
        let path = store.join(name);
        fs::write(&path, text).map_err(|e| CliError::Write(path, e))?;
    }
    Ok(())
}

async fn play(
    story: &Story,
    declared: &Declared,
    global: &Global,
    (console, kept): (Console, bool),
) -> Result<Exit, CliError> {
    let lang = global.lang();
    let login = Login { password: Some(PASSWORD.to_owned()), keys: Vec::new() };
    let fleet = Fleet::start(story.devices.clone(), login).await.map_err(internal)?;
    let change = declared.change.as_ref().map(|c| c.id.to_string()).unwrap_or_default();
    let watch = Arc::new(StoryClock::default());
    let camera = Camera::new(global, &change, story.devices.len())?.with_clock(Arc::clone(&watch).reader());
    let mut window = Window::new(declared, global, camera, targets(&fleet, declared)?, console);
    window.camera.silent();
    window.kept = kept;
    window.say(&words::opening(story, fleet.names().count(), lang))?;
    for phase in &story.phases {
        watch.set(phase.at);
        fleet.switch_all(&phase.name);
        match phase.name.as_str() {
            "before" => {
                let taken = window.before(None).await?;
                let said = words::looked(words::before(lang), taken.devices.len(), lang);
                tell(&window, phase, &said)?;
                for device in &taken.devices {
                    window.say(&captured::failures(device, lang))?;
                }
            }
            "after" => {
                record_new_keys(&fleet, &mut window, phase)?;
                tell(&window, phase, &words::looked(words::after(lang), window.targets.len(), lang))?;
            }
            _ => {
                tell(&window, phase, &words::looked(words::during(lang), window.targets.len(), lang))?;
                window.look().await?;
            }
        }
    }
    window.after(None).await
}

/// The keys of replaced devices: refused until somebody has compared and recorded them.
fn record_new_keys(fleet: &Fleet, window: &mut Window<'_>, phase: &Phase) -> Result<(), CliError> {
    let lang = window.global.lang();
    let refused = window.failures();
    let changed = refused.iter().filter(|(_, reason)| matches!(reason, Reason::HostKeyChanged { .. }));
    let names: std::collections::BTreeSet<&String> = changed.map(|(device, _)| device).collect();
    for name in names {
        let key = key_id(&fleet.host_key(name).map_err(internal)?);
        tell(window, phase, &words::recorded(&escape(name), &key.fingerprint, lang))?;
    }
    window.targets = targets(fleet, window.declared)?;
    Ok(())
}

fn tell(window: &Window<'_>, phase: &Phase, text: &str) -> Result<(), CliError> {
    let style = window.global.style(window.declared.change.as_ref(), &window.declared.rules);
    window.say(&format!("{} {text}\n", clock(phase.at, style)))
}

/// Every declared device where it is played, with the host keys of this moment on record.
fn targets(fleet: &Fleet, declared: &Declared) -> Result<Vec<Target>, CliError> {
    let known_hosts = Arc::new(fleet.known_hosts().map_err(internal)?);
    let target = |device: &crate::site::Device| {
        let address = fleet.address(device.name.as_str()).map_err(internal)?;
        let password = SecretSource::new("the demo", || Some(PASSWORD.to_owned()));
        Ok(Target {
            name: device.name.to_string(),
            endpoint: Endpoint {
                host: address.ip().to_string(),
                port: address.port(),
                user: "audit".to_owned(),
                auth: vec![Auth::Password(password)],
                algorithms: Age::Modern,
            },
            via: Vec::new(),
            platforms: device.platforms.iter().filter_map(|id| platform::by_id(id)).collect(),
            known_hosts: Arc::clone(&known_hosts),
            privilege: None,
            timeout: None,
        })
    };
    declared.site.devices.values().map(target).collect()
}

fn internal(error: SimulateError) -> CliError {
    CliError::Exit(Exit::Internal, error.to_string())
}

/// The time of the story, running on from the moment to which it was set.
#[derive(Default)]
struct StoryClock(Mutex<Option<(OffsetDateTime, Instant)>>);

impl StoryClock {
    fn set(&self, at: OffsetDateTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, Instant::now()));
    }

    fn reader(self: Arc<Self>) -> Clock {
        Arc::new(move || match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((at, set)) => at + set.elapsed(),
            None => OffsetDateTime::now_utc(),
        })
    }
}
