//! A run of the program that has not ended yet.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Done;

/// Longest time that anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run under way; killed when dropped.
pub(super) struct Running {
    child: Child,
    out: Said,
    err: Said,
}

impl Running {
    /// Starts it, in a process group of its own as a terminal's job would be.
    pub(super) fn start(command: &mut Command) -> Self {
        use std::os::unix::process::CommandExt;
        let mut child =
            command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = Said::listen(child.stdout.take().unwrap());
        let err = Said::listen(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// Waits until it has said this on standard output.
    #[track_caller]
    pub(super) fn wait_for(&self, text: &str) {
        let start = Instant::now();
        while !self.out.text().contains(text) {
            assert!(start.elapsed() < PATIENCE, "no {text:?}:\n{}\n{}", self.out.text(), self.err.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends it alone a signal.
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    #[track_caller]
    pub(super) fn end(mut self) -> Done {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "no end:\n{}\n{}", self.out.text(), self.err.text());
            std::thread::sleep(Duration::from_millis(10));
        };
        let code = status.code().unwrap_or(-1);
        Done { code, out: self.out.all(), err: self.err.all() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came out of a pipe so far.
struct Said {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Said {
    fn listen(pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                into.lock().unwrap().append(&mut line);
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    /// Everything, once the other end is closed.
    fn all(&mut self) -> String {
        self.reader.take().unwrap().join().unwrap();
        self.text()
    }
}
