//! `guard user@host -- COMMAND`: before-capture, COMMAND on this machine while looking, after-capture, verdict.
//!
//! For the change that nobody planned. No file is needed, and nothing here ever stands between the engineer and the
//! repair: COMMAND runs whatever becomes of the capture, and lives on if this program dies.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::CliError;
use super::check::Console;
use super::declared::Declared;
use super::exit::Exit;
use super::global::{Global, may_write};
use super::snapshot::{Camera, block_on};
use super::targets::{Connect, Targets};
use super::watch::span_of;
use super::window::Window;
use crate::capture::Target;
use crate::evidence::StateError;
use crate::evidence::store::check_change_id;
use crate::os::signals::{Signals, hand_on};
use crate::platform::{self, Platform};
use crate::report::Lang;
use crate::report::text::escape;
use crate::report::words::guard as words;
use crate::report::words::phrases::span;
use crate::report::{captured, diagnostic};
use crate::site::endpoint::Account;
use crate::site::flow::FlowSpec;
use crate::site::{Change, Device, Diagnostic, Name, Rejected, Site, Source};

/// Longest time that COMMAND waits for the state before.
const BEFORE: Duration = Duration::from_secs(20);

/// Options of `guard`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The hosts that the work is about: USER@HOST[:PORT], or a device of site.toml
    #[arg(value_name = "USER@HOST", required = true)]
    hosts: Vec<String>,
    /// The command that does the work, on this machine; without one, Enter ends the work
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// A flow that is meant to open, such as "tcp any -> 203.0.113.10:587" (repeatable)
    #[arg(long, value_name = "FLOW")]
    expect: Vec<String>,
    /// What runs on the hosts (repeatable); else it is found out
    #[arg(long, value_name = "PLATFORM")]
    platform: Vec<String>,
    /// Time from one look to the next
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = span_of)]
    interval: Duration,
    /// Name of the change in the store; else guard-TIME
    #[arg(long, value_name = "CHANGE")]
    id: Option<String>,
    #[command(flatten)]
    connect: Connect,
}

/// Guards.
pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let mut declared = global.declared(Path::new("."))?;
    let targets = targets(args, &declared, global.lang())?;
    // what else the site declares is not looked at, and not missed
    declared.site.devices.retain(|name, _| targets.iter().any(|t| t.name == name.as_str()));
    let id = args.id.clone().unwrap_or_else(|| stamp(global.now()));
    // what would keep the answer from being given is said before anything is done
    check_change_id(&id)?;
    let console = Console::of(global)?;
    for path in global.outputs()?.iter().filter_map(|output| output.path.as_deref()) {
        may_write(path)?;
    }
    let declared = Declared { change: plan(args, &id, &targets, &declared, global)?, ..declared };
    block_on(guard(args, &id, &declared, targets, (global, console)))
}

/// A name for a change that nobody has named.
fn stamp(now: OffsetDateTime) -> String {
    let form = time::macros::format_description!("guard-[year][month][day]T[hour][minute][second]Z");
    now.to_offset(time::UtcOffset::UTC).format(form).unwrap_or_else(|_| "guard".to_owned())
}

fn targets(args: &Args, given: &Declared, lang: Lang) -> Result<Vec<Target>, CliError> {
    let mut targets = Targets::new(given, &args.connect, lang)?;
    let named =
        args.platform.iter().map(|id| platform::by_id(id).ok_or_else(|| super::unknown_platform(id, lang)));
    let named: Vec<&'static dyn Platform> = named.collect::<Result<_, _>>()?;
    let platforms = if named.is_empty() { platform::SUSPECTED.to_vec() } else { named };
    let target = |host: &String| {
        let account = Account::new(host);
        let account = account.map_err(|_| CliError::Usage(words::no_host(&escape(host), lang)))?;
        let mut target = match declared(&given.site, host, &account) {
            Some(device) => targets.of_device(device)?,
            None => targets.of_account(name(host, &account, lang)?, &account, platforms.clone())?,
        };
        target.endpoint.user = account.user.unwrap_or(target.endpoint.user);
        if !args.platform.is_empty() {
            target.platforms.clone_from(&platforms);
        }
        Ok(target)
    };
    args.hosts.iter().map(target).collect()
}

/// The declared device that a host is: by its name, or by its address.
fn declared<'s>(site: &'s Site, host: &str, account: &Account) -> Option<&'s Device> {
    let bare = host.rsplit_once('@').map_or(host, |(_, bare)| bare);
    let named = site.devices.values().find(|d| d.name.as_str() == bare);
    named.or_else(|| site.devices.values().find(|d| d.address.as_ref() == Some(&account.at)))
}

/// A device name made of a host.
fn name(host: &str, account: &Account, lang: Lang) -> Result<Name, CliError> {
    let bare = match &account.at.host {
        crate::site::endpoint::Host::Address(address) => format!("host-{address}"),
        crate::site::endpoint::Host::Name(name) => name.clone(),
    };
    let bare = match account.at.port {
        crate::site::endpoint::SSH_PORT => bare,
        port => format!("{bare}-{port}"),
    };
    Name::new(&bare.replace(':', "-")).map_err(|_| CliError::Usage(words::no_host(&escape(host), lang)))
}

/// The change that `--expect` declares, read like a file; without it nothing is declared.
fn plan(
    args: &Args,
    id: &str,
    targets: &[Target],
    declared: &Declared,
    global: &Global,
) -> Result<Option<Change>, CliError> {
    if args.expect.is_empty() {
        return Ok(None);
    }
    for flow in &args.expect {
        flow.parse::<FlowSpec>().map_err(|error| {
            let diagnostics = vec![Diagnostic::at(error.span, error.problem)];
            let rejected = Rejected { source: Source::new("--expect", flow.as_str()), diagnostics };
            CliError::Declaration(diagnostic::render(&rejected, global.lang()))
        })?;
    }
    let rfc3339 =
        |at: OffsetDateTime| at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    // the end is not known yet and means nothing here
    let (start, end) = (rfc3339(global.now()), rfc3339(global.now() + Duration::from_secs(24 * 3600)));
    let mut text = format!("change = {{ id = {}, start = {start}, end = {end} }}\n", quoted(id));
    let names: Vec<String> = targets.iter().map(|target| quoted(&target.name)).collect();
    text.push_str(&format!("scope = {{ devices = [{}] }}\n", names.join(", ")));
    let flows: Vec<String> = args.expect.iter().map(|flow| quoted(flow)).collect();
    for device in names {
        text.push_str(&format!("[[expect.open]]\ndevice = {device}\nflows = [{}]\n", flows.join(", ")));
    }
    let all_declared = targets.iter().all(|t| declared.site.devices.contains_key(t.name.as_str()));
    let change = Change::parse(&Source::new("--expect", text), Some(&declared.site).filter(|_| all_declared));
    change.map(Some).map_err(|rejected| CliError::Declaration(diagnostic::render(&rejected, global.lang())))
}

async fn guard(
    args: &Args,
    id: &str,
    declared: &Declared,
    targets: Vec<Target>,
    (global, console): (&Global, Console),
) -> Result<Exit, CliError> {
    let mut signals = Signals::catch()?;
    let lang = global.lang();
    // what COMMAND writes to standard output is its own; and a terminal that is gone is no reason to stop
    let say = |text: &str| drop(Console::Err.write(&format!("{text}\n"), global.color));
    let window = Camera::new(global, id, args.connect.concurrency).map(|camera| {
        let camera = if args.platform.is_empty() { camera.detecting() } else { camera };
        Window::new(declared, global, camera, targets, Console::Err)
    });
    let mut window = window.inspect_err(|error| say(&words::no_before(&escape(&error.say(lang)), lang)));
    if let Ok(window) = &mut window {
        tokio::select! {
            _ = signals.next() => return Err(CliError::Exit(Exit::Undecided, words::called_off(lang).to_owned())),
            said = before(window, lang) => say(&said),
        }
        window.camera.silent();
    }
    if args.command.is_empty() {
        say(words::press_enter(lang));
    }
    let mut work = Work::start(args, console, lang)?;
    let begun = Instant::now();
    let status = work.run(&mut signals, window.as_mut().ok(), args.interval, |status| {
        say(&ending(status, begun.elapsed(), lang));
    });
    status.await?;
    // the evidence may be out of reach, but the work is done, and somebody waits for an answer
    let unkept = |error: CliError| match error {
        CliError::Evidence(StateError::Store(_)) if error.exit() != Exit::Tampered => {
            let why = escape(&error.say(lang));
            CliError::Exit(Exit::Undecided, words::not_kept(&why, lang))
        }
        other => other,
    };
    let judged = window.map_err(unkept)?.after(None);
    tokio::select! {
        exit = judged => exit.map_err(unkept),
        _ = signals.next() => Err(CliError::Exit(Exit::Undecided, words::not_judged(lang).to_owned())),
    }
}

/// The state before, in bounded time; without it the work goes on all the same. Says what came of it.
async fn before(window: &mut Window<'_>, lang: Lang) -> String {
    let limit = BEFORE.saturating_sub(Duration::from_secs(1));
    match timeout(BEFORE, window.before(Some(limit))).await {
        Ok(Ok(taken)) => {
            let incomplete = taken.devices.iter().filter(|d| !d.failures.is_empty());
            let failed: String = incomplete
                .map(|d| format!("{}:\n{}", escape(&d.name), captured::failures(d, lang)))
                .collect();
            if failed.is_empty() {
                words::before(lang).to_owned()
            } else {
                failed + &words::no_before("", lang)
            }
        }
        Ok(Err(error)) => words::no_before(&escape(&error.say(lang)), lang),
        Err(_) => words::no_before(&words::took_longer(BEFORE.as_secs(), lang), lang),
    }
}

/// What is said when the work is over.
fn ending(status: Option<ExitStatus>, took: Duration, lang: Lang) -> String {
    let took = span(i64::try_from(took.as_secs()).unwrap_or(i64::MAX), lang);
    match status {
        Some(status) => words::ended(&words::status(status.code(), &status.to_string(), lang), &took, lang),
        None => words::over(&took, lang),
    }
}

/// What is being done while the window is open.
enum Work {
    /// A command.
    Command(Box<Child>),
    /// Somebody works elsewhere and presses Enter at the end.
    Person,
}

impl Work {
    /// Starts COMMAND with our standard input, output and error: it needs nothing of us to live on.
    /// What it writes to standard output goes to standard error where a result goes there.
    fn start(args: &Args, console: Console, lang: Lang) -> Result<Self, CliError> {
        let Some((program, arguments)) = args.command.split_first() else { return Ok(Self::Person) };
        let mut command = Command::new(program);
        let output = if console == Console::Out { Stdio::inherit() } else { Stdio::from(std::io::stderr()) };
        command.args(arguments).stdin(Stdio::inherit()).stdout(output).stderr(Stdio::inherit());
        let child = command.kill_on_drop(false).spawn();
        let child =
            child.map_err(|e| CliError::Usage(words::not_started(&escape(program), &e.to_string(), lang)))?;
        Ok(Self::Command(Box::new(child)))
    }

    /// Looks again and again until the work is done, and finishes the look that is under way then. Signals go to the
    /// command; where there is none, they end the work.
    async fn run(
        &mut self,
        signals: &mut Signals,
        window: Option<&mut Window<'_>>,
        every: Duration,
        ended: impl FnOnce(Option<ExitStatus>),
    ) -> Result<(), CliError> {
        let process = match self {
            Self::Command(child) => child.id(),
            Self::Person => None,
        };
        let stop = Notify::new();
        let looking = look_until(window, every, &stop);
        tokio::pin!(looking);
        let done = self.done();
        tokio::pin!(done);
        let status = loop {
            tokio::select! {
                biased;
                status = &mut done => break status?,
                signal = signals.next() => match process {
                    Some(process) => hand_on(signal, process),
                    None => break None,
                },
                () = &mut looking => {}
            }
        };
        ended(status);
        stop.notify_one();
        tokio::select! {
            _ = signals.next() => {}
            _ = timeout(BEFORE, looking) => {}
        }
        Ok(())
    }

    /// Waits for the end of the work.
    async fn done(&mut self) -> Result<Option<ExitStatus>, CliError> {
        match self {
            Self::Command(child) => Ok(Some(child.wait().await?)),
            Self::Person => {
                let enter = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
                let _ = enter.await;
                Ok(None)
            }
        }
    }
}

/// Looks until told to stop; without a window it only waits. Nothing that goes wrong here may end the work.
async fn look_until(window: Option<&mut Window<'_>>, every: Duration, stop: &Notify) {
    let Some(window) = window else { return stop.notified().await };
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.notified() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = window.look().await {
            let _ = window.lost(&error);
        }
    }
}
