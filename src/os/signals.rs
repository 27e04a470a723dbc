//! Signals from outside while the program watches, or while a command of the user's runs.

use std::io;

/// A signal that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C (SIGINT).
    Interrupt,
    /// Ctrl-\ (SIGQUIT).
    Quit,
    /// SIGTERM.
    Terminate,
    /// The terminal is gone (SIGHUP).
    HangUp,
}

/// The signals that ask a program to end. As long as this lives they end nothing by themselves.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    streams: [tokio::signal::unix::Signal; 4],
    #[cfg(windows)]
    stream: tokio::signal::windows::CtrlC,
}

impl Signals {
    /// Catches them from now on. Needs a tokio runtime with its signal driver.
    ///
    /// # Errors
    /// The system refuses.
    pub fn catch() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let interrupt = signal(SignalKind::interrupt())?;
            let quit = signal(SignalKind::quit())?;
            let terminate = signal(SignalKind::terminate())?;
            Ok(Self { streams: [interrupt, quit, terminate, signal(SignalKind::hangup())?] })
        }
        #[cfg(windows)]
        {
            Ok(Self { stream: tokio::signal::windows::ctrl_c()? })
        }
        #[cfg(not(any(unix, windows)))]
        {
            Ok(Self {})
        }
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Signal {
        #[cfg(unix)]
        {
            let [interrupt, quit, terminate, hang_up] = &mut self.streams;
            tokio::select! {
                _ = interrupt.recv() => Signal::Interrupt,
                _ = quit.recv() => Signal::Quit,
                _ = terminate.recv() => Signal::Terminate,
                _ = hang_up.recv() => Signal::HangUp,
            }
        }
        #[cfg(windows)]
        {
            self.stream.recv().await;
            Signal::Interrupt
        }
        #[cfg(not(any(unix, windows)))]
        {
            std::future::pending().await
        }
    }
}

/// Hands a signal on to a process, unless the terminal has given it the signal already: what is typed there goes to
/// every process of the foreground group (termios(3), ISIG). On Windows the console gives Ctrl-C to all of them.
pub fn hand_on(signal: Signal, process: u32) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal as Number, getpgrp, kill_process};
        use rustix::termios::tcgetpgrp;
        let typed = matches!(signal, Signal::Interrupt | Signal::Quit);
        // whatever standard input is, this is the terminal that signals come from (tty(4))
        let terminal = || tcgetpgrp(std::fs::File::open("/dev/tty").ok()?).ok();
        if typed && terminal().is_some_and(|group| group == getpgrp()) {
            return;
        }
        let number = match signal {
            Signal::Interrupt => Number::INT,
            Signal::Quit => Number::QUIT,
            Signal::Terminate => Number::TERM,
            Signal::HangUp => Number::HUP,
        };
        // the process may have ended in the meantime
        if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, number);
        }
    }
    #[cfg(not(unix))]
    let _ = (signal, process);
}
