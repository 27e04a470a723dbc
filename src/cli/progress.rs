//! A progress bar per run, on standard error and only where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::capture::Event;

/// What [`collect`](crate::capture::collect()) reports to, for so many devices. It draws nothing where
/// standard error is no terminal, or with `quiet`; the bar disappears when the last device is through.
pub fn bar(devices: usize, quiet: bool) -> impl Fn(Event<'_>) + Send + Sync + 'static {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(devices as u64), target);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    move |event| match event {
        Event::Started(device) => bar.set_message(device.escape_default().to_string()),
        Event::Finished { .. } => {
            bar.inc(1);
            if bar.position() >= devices as u64 {
                bar.finish_and_clear();
            }
        }
    }
}
