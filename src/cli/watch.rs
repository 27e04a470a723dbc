//! `watch`: looks again and again while the window is open, tells at once what opened and what closed, and judges at its
//! end. An opening that came and went between before and after shows nowhere else.

use std::path::Path;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::CliError;
use super::capture::Which;
use super::check::Console;
use super::exit::Exit;
use super::global::Global;
use super::snapshot::{Camera, block_on};
use super::targets::Connect;
use super::window::Window;
use crate::os::signals::Signals;
use crate::report::text::escape;
use crate::report::words::phrases::{span, time_of};
use crate::report::words::window as words;
use crate::site::value::read_duration;

/// Options of `watch`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Time from one look to the next, such as 30s or 2m; the shortest opening that is surely seen is as long
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = span_of)]
    interval: Duration,
    /// How long to watch; else until the end of the window in change.toml, else until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = span_of)]
    length: Option<Duration>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    connect: Connect,
}

/// A span of time as in `site.toml`.
pub(super) fn span_of(text: &str) -> Result<Duration, String> {
    read_duration(text).map_err(|_| format!("{text:?} is no span of time; write 30s, 2m or 1h"))
}

/// Watches and judges.
pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let declared = global.declared(Path::new("."))?;
    let change = args.which.change(&declared, global)?;
    let console = Console::of(global)?;
    let targets = args.which.targets(&declared, &args.connect, global)?;
    let mut camera = Camera::new(global, &change, args.connect.concurrency)?;
    camera.silent();
    let end = match args.length {
        Some(length) => Some(camera.now() + length),
        None => declared.change.as_ref().map(|c| c.end),
    };
    let window = Window::new(&declared, global, camera, targets, console);
    block_on(watch(window, args.interval, end))
}

async fn watch(
    mut window: Window<'_>,
    every: Duration,
    end: Option<OffsetDateTime>,
) -> Result<Exit, CliError> {
    let mut signals = Signals::catch()?;
    let lang = window.global.lang();
    let said = if window.recall()? {
        words::known_before(&escape(window.before_label().unwrap_or_default()), lang)
    } else {
        let taken = window.before(None).await?;
        let complete = taken.devices.iter().filter(|d| d.failures.is_empty()).count();
        words::captured_before(complete, taken.devices.len(), lang)
    };
    window.say(&format!("{said}\n"))?;
    announce(&window, every, end)?;
    let left = end.map(|end| end - window.camera.now());
    let left = left.map(|left| Duration::try_from(left).unwrap_or(Duration::ZERO));
    let until = left.map(|left| Instant::now() + left);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let over = async {
        match until {
            Some(until) => sleep_until(until).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    loop {
        tokio::select! {
            biased;
            _ = signals.next() => break,
            () = &mut over => break,
            _ = ticks.tick() => {}
        }
        // a look under way at the end of the window is finished; only a signal cuts it off
        let looked = tokio::select! {
            _ = signals.next() => break,
            looked = window.look() => looked,
        };
        match looked {
            Err(error @ (CliError::Exit(..) | CliError::Evidence(_))) => window.lost(&error)?,
            other => other?,
        }
    }
    window.after(None).await
}

fn announce(window: &Window<'_>, every: Duration, end: Option<OffsetDateTime>) -> Result<(), CliError> {
    let lang = window.global.lang();
    let style = window.global.style(window.declared.change.as_ref(), &window.declared.rules);
    let until = end.map(|end| time_of(end, style));
    if let (Some(end), Some(until)) = (end, &until)
        && end <= window.camera.now()
    {
        return window.say(&format!("{}\n", words::window_over(until, lang)));
    }
    let every = span(i64::try_from(every.as_secs()).unwrap_or(i64::MAX), lang);
    window.say(&format!("{}\n", words::watching(window.targets.len(), &every, until.as_deref(), lang)))
}
