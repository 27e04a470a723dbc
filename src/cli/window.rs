//! A change window while it is open: before, looks, after, and the verdict over all of them.

use std::time::Duration;

use super::CliError;
use super::check::{Console, States, conclude};
use super::declared::Declared;
use super::exit::Exit;
use super::global::Global;
use super::snapshot::{Camera, Taken};
use crate::capture::Target;
use crate::evidence::{Phase, Selector, State, StoreError};
use crate::report::ticker;
use crate::report::words::window as words;
use crate::rules::Case;
use crate::watch::{News, Watcher};

/// An open window.
pub(super) struct Window<'a> {
    pub(super) declared: &'a Declared,
    pub(super) global: &'a Global,
    pub(super) camera: Camera,
    pub(super) targets: Vec<Target>,
    /// Where news and the verdict go.
    pub(super) console: Console,
    /// The store is there when the verdict is read.
    pub(super) kept: bool,
    before: Option<State>,
    samples: Vec<State>,
    watcher: Watcher,
}

impl<'a> Window<'a> {
    /// A window that nobody has looked into yet.
    pub(super) fn new(
        declared: &'a Declared,
        global: &'a Global,
        camera: Camera,
        targets: Vec<Target>,
        console: Console,
    ) -> Self {
        let (before, samples, watcher) = (None, Vec::new(), Watcher::default());
        Self { declared, global, camera, targets, console, kept: true, before, samples, watcher }
    }

    /// Takes the state before from the store, where it lies already.
    ///
    /// # Errors
    /// The store is damaged.
    pub(super) fn recall(&mut self) -> Result<bool, CliError> {
        let selector = Selector { change: self.camera.change.clone(), phase: Phase::Before };
        let found = match self.global.store().find(&selector) {
            Err(StoreError::NoSnapshot { .. } | StoreError::NoChange { .. }) => return Ok(false),
            other => other?,
        };
        let Some(last) = found.last() else { return Ok(false) };
        self.begin(State::of(last.load()?));
        Ok(true)
    }

    /// Captures the state before.
    ///
    /// # Errors
    /// The store refuses.
    pub(super) async fn before(&mut self, total: Option<Duration>) -> Result<Taken, CliError> {
        let taken = self.camera.take(Phase::Before, &self.targets, total).await?;
        self.begin(State::of(taken.entry.load()?));
        Ok(taken)
    }

    /// Where the state before was taken from.
    pub(super) fn before_label(&self) -> Option<&str> {
        self.before.as_ref().map(|state| state.label.as_str())
    }

    fn begin(&mut self, before: State) {
        self.watcher = Watcher::new(Some(&before));
        self.before = Some(before);
    }

    /// Looks once, and tells what has opened and what has closed.
    ///
    /// # Errors
    /// The store refuses, or the console does.
    pub(super) async fn look(&mut self) -> Result<(), CliError> {
        let taken = self.camera.take(Phase::During, &self.targets, None).await?;
        self.tell(State::of(taken.entry.load()?))
    }

    fn tell(&mut self, mut sample: State) -> Result<(), CliError> {
        if let Some(last) = self.samples.last().or(self.before.as_ref()) {
            sample.share(last);
        }
        let news = self.news(&sample);
        self.say_news(&news, &sample)?;
        self.samples.push(sample);
        Ok(())
    }

    fn news(&mut self, sample: &State) -> News {
        let case = Case {
            before: self.before.as_ref(),
            samples: &[],
            after: sample,
            site: &self.declared.site,
            change: self.declared.change.as_ref(),
            tests: &[],
            rules: &self.declared.rules,
            fail_on: self.global.fail_on,
        };
        self.watcher.look(&case, sample)
    }

    fn say_news(&self, news: &News, sample: &State) -> Result<(), CliError> {
        let style = self.global.style(self.declared.change.as_ref(), &self.declared.rules);
        let Some((_, ended)) = sample.taken else { return Ok(()) };
        self.say(&ticker::news(news, ended, style))
    }

    /// A look that is lost does not end the watch.
    ///
    /// # Errors
    /// The console refuses.
    pub(super) fn lost(&self, error: &CliError) -> Result<(), CliError> {
        let text = crate::report::text::escape(&error.say(self.global.lang()));
        self.say(&format!("{}\n", words::lost_look(&text, self.global.lang())))
    }

    /// What failed in the last look: device and reason.
    pub(super) fn failures(&self) -> Vec<(String, crate::reason::Reason)> {
        let devices = self.samples.last().into_iter().flat_map(|sample| &sample.devices);
        devices.flat_map(|(name, device)| device.failures.iter().map(|f| (name.clone(), f.clone()))).collect()
    }

    /// Says something, unless it is to be quiet.
    ///
    /// # Errors
    /// The console refuses.
    pub(super) fn say(&self, text: &str) -> Result<(), CliError> {
        if !self.global.quiet && !text.is_empty() {
            self.console.write(text, self.global.color)?;
        }
        Ok(())
    }

    /// Captures the state after and judges everything.
    ///
    /// # Errors
    /// The store or the console refuses.
    pub(super) async fn after(mut self, total: Option<Duration>) -> Result<Exit, CliError> {
        let taken = self.camera.take(Phase::After, &self.targets, total).await?;
        let mut after = State::of(taken.entry.load()?);
        if let Some(last) = self.samples.last() {
            after.share(last);
        }
        // what stands open at the end is the verdict's to say
        let ended = News { opened: Vec::new(), blind: Vec::new(), ..self.news(&after) };
        self.say_news(&ended, &after)?;
        self.say("\n")?;
        // a window whose beginning nobody saw is not the same as one that has none
        let before = self.before.or_else(|| Some(State { label: "before".to_owned(), ..State::default() }));
        let store = self.kept.then(|| self.global.store_folder().to_path_buf());
        let states = States { before, samples: self.samples, after, store };
        conclude(&states, self.declared, self.global, false, self.console)
    }
}
