//! The configuration as the evidence gives it: main.cf and master.cf, or what `postconf` prints of them, or both.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::agree::{self, proven};
use super::ask::Wanted;
use super::defaults::{self, Version};
use super::expand::{ExpandError, expand};
use super::logical;
use super::maincf::Settings;
use super::mastercf::{self, Service};
use crate::evidence::DeviceEvidence;
use crate::evidence::device::file_artifact;
use crate::finding::Location;
use crate::platform::Gap;
use crate::reason::Reason;
use crate::relay::{Note, NoteKind};

/// Deepest nesting of `$name` in a list.
const MAX_DEPTH: usize = 40;

/// Most words of one list.
const MAX_WORDS: usize = 50_000;

/// One word of a list, expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) at: Location,
}

/// The configuration.
#[derive(Debug)]
pub(super) struct Config<'e> {
    pub(super) evidence: &'e DeviceEvidence,
    explicit: Settings,
    effective: Settings,
    pub(super) services: Vec<Service>,
    pub(super) version: Option<Version>,
    gaps: RefCell<BTreeSet<Gap>>,
    wanted: RefCell<Wanted>,
}

/// A value as written, and where.
struct Raw<'c> {
    value: String,
    at: Box<dyn Fn(usize) -> Location + 'c>,
}

impl<'e> Config<'e> {
    /// Reads whatever forms the evidence has; `None` when it has none at all.
    pub(super) fn load(evidence: &'e DeviceEvidence) -> Option<Self> {
        let effective = settings(evidence, "postconf-effective.txt").unwrap_or_default();
        let folder = effective.get("config_directory").map_or("/etc/postfix", |s| s.value());
        let main = file_artifact(&format!("{folder}/main.cf"));
        let master = file_artifact(&format!("{folder}/master.cf"));
        let (raw, printed) = (settings(evidence, &main), settings(evidence, "postconf-n.txt"));
        let (raw_services, printed_services) =
            (services(evidence, &master), services(evidence, "postconf-M.txt"));
        if raw.is_none() && printed.is_none() && effective.is_empty() {
            return None;
        }
        let version = effective.get("mail_version").and_then(|s| defaults::version(s.value()));
        let mut gaps = BTreeSet::new();
        for artifact in ["postconf-effective.txt", "postconf-n.txt", "postconf-M.txt", &main, &master] {
            proven(evidence, artifact, &mut gaps);
        }
        let explicit = match (raw, printed) {
            (Some(raw), Some(printed)) => agree::settings(raw, printed, &main, &mut gaps),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => effective.clone(),
        };
        for at in &explicit.unread {
            gaps.insert(Gap {
                reason: Reason::Unread { text: at.text.to_string() },
                location: Some(at.clone()),
            });
        }
        let services = match (raw_services, printed_services) {
            (Some((raw, unread)), printed) => {
                if let Some((printed, _)) = printed {
                    agree::services(&raw, &printed, &master, &mut gaps);
                }
                gaps.extend(unread.into_iter().map(|at| Gap {
                    reason: Reason::Unread { text: at.text.to_string() },
                    location: Some(at),
                }));
                raw
            }
            (None, Some((printed, _))) => printed,
            (None, None) => {
                gaps.insert(Gap { reason: Reason::ArtifactMissing { artifact: master }, location: None });
                mastercf::read("master.cf", "smtp inet n - y - - smtpd").0
            }
        };
        agree::with_effective(&explicit, &effective, &mut gaps);
        if let Some(printed) = settings(evidence, agree::OVERRIDES) {
            agree::with_overrides(&services, &printed, &mut gaps);
        }
        Some(Self {
            evidence,
            explicit,
            effective,
            services,
            version,
            gaps: RefCell::new(gaps),
            wanted: RefCell::default(),
        })
    }

    /// The text of a file on the device; that it was wanted is remembered.
    pub(super) fn file(&self, path: &str) -> Option<Cow<'e, str>> {
        self.wanted.borrow_mut().files.insert(path.to_owned());
        self.evidence.file(path)
    }

    /// Remembers that something was wanted.
    pub(super) fn want(&self, note: impl FnOnce(&mut Wanted)) {
        note(&mut self.wanted.borrow_mut());
    }

    /// What the reader wanted to see, and what it must not.
    pub(super) fn wanted(&self) -> Wanted {
        let mut wanted = self.wanted.borrow().clone();
        let all = self.explicit.iter().chain(self.effective.iter());
        for (_, setting) in all.filter(|(name, _)| name.ends_with("_sasl_password_maps")) {
            let words = logical::split(setting.value(), true);
            wanted.secret.extend(
                words.iter().filter_map(|w| w.text.rsplit_once(':')).map(|(_, path)| path.to_owned()),
            );
        }
        wanted
    }

    /// Notes something missing or not understood.
    pub(super) fn gap(&self, reason: Reason, location: Option<Location>) {
        self.gaps.borrow_mut().insert(Gap { reason, location });
    }

    /// What was noticed and decides nothing.
    pub(super) fn notes(&self) -> Vec<Note> {
        let note = |at: &Location| Note {
            kind: NoteKind::Overridden,
            subject: at.text.split('=').next().unwrap_or_default().trim().into(),
            at: at.clone(),
        };
        self.explicit.overridden.iter().map(note).collect()
    }

    /// What was noted, sorted.
    pub(super) fn take_gaps(&self) -> Vec<Gap> {
        std::mem::take(&mut *self.gaps.borrow_mut()).into_iter().collect()
    }

    /// main.cf alone, without a service's overrides.
    pub(super) fn global(&self) -> Scope<'_, 'e> {
        Scope { config: self, service: None }
    }

    /// As one service sees it.
    pub(super) fn scope<'c>(&'c self, service: &'c Service) -> Scope<'c, 'e> {
        Scope { config: self, service: Some(service) }
    }

    /// The service of a kind and name.
    pub(super) fn service(&self, kinds: &[&str], name: &str) -> Option<&Service> {
        self.services.iter().find(|s| kinds.contains(&&*s.kind) && &*s.name == name)
    }
}

/// The configuration as one service sees it.
#[derive(Clone, Copy)]
pub(super) struct Scope<'c, 'e> {
    pub(super) config: &'c Config<'e>,
    pub(super) service: Option<&'c Service>,
}

impl<'c> Scope<'c, '_> {
    fn raw(&self, name: &str) -> Option<Raw<'c>> {
        if let Some(set) = self.service.and_then(|s| s.get(name)) {
            return Some(Raw { value: set.value.clone(), at: Box::new(|_| set.at.clone()) });
        }
        let config = self.config;
        if let Some(setting) = config.explicit.get(name).or_else(|| config.effective.get(name)) {
            return Some(Raw {
                value: setting.value().to_owned(),
                at: Box::new(|offset| setting.at(offset)),
            });
        }
        let value = defaults::default(name, config.version);
        let shown: Arc<str> = format!("{name} = {value}").into();
        let at = move |_| Location::within("postconf-d", Arc::clone(&shown));
        (!value.is_empty()).then(|| Raw { value: value.to_owned(), at: Box::new(at) })
    }

    /// Whether the parameter is set by the configuration rather than left to its default.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.service.is_some_and(|s| s.get(name).is_some()) || self.config.explicit.get(name).is_some()
    }

    /// Where the parameter's value begins.
    pub(super) fn at(&self, name: &str) -> Location {
        self.raw(name).map_or_else(|| Location::within("postconf-d", format!("{name} =")), |raw| (raw.at)(0))
    }

    fn lookup(&self, name: &str) -> Option<String> {
        match self.raw(name) {
            Some(raw) => Some(raw.value),
            // defaults that are computed from the host rather than written down
            None => match name {
                "mydomain" => self.derived_domain(),
                _ => None,
            },
        }
    }

    fn derived_domain(&self) -> Option<String> {
        let host = self.raw("myhostname")?.value;
        Some(host.split_once('.').map_or("localdomain".to_owned(), |(_, domain)| domain.to_owned()))
    }

    /// `$` expansion in this scope.
    pub(super) fn expand(&self, text: &str) -> Result<String, ExpandError> {
        expand(text, &|name| self.lookup(name))
    }

    /// The expanded value; empty where it cannot be expanded (and noted).
    pub(super) fn get(&self, name: &str) -> String {
        let Some(raw) = self.lookup(name) else { return String::new() };
        match self.expand(&raw) {
            Ok(value) => value.trim().to_owned(),
            Err(_) => {
                let at = self.at(name);
                self.config.gap(Reason::Unread { text: at.text.to_string() }, Some(at));
                String::new()
            }
        }
    }

    /// A yes/no parameter.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).eq_ignore_ascii_case("yes")
    }

    /// The words of a list, each with the line that it stands in; a word that is just `$name` becomes that list's
    /// words.
    pub(super) fn words(&self, name: &str) -> Vec<Word> {
        let mut out = Vec::new();
        self.collect(name, 0, &mut out);
        out
    }

    fn collect(&self, name: &str, depth: usize, out: &mut Vec<Word>) {
        let Some(raw) = self.raw(name).or_else(|| {
            let value = self.lookup(name)?;
            let at = self.at(name);
            Some(Raw { value, at: Box::new(move |_| at.clone()) })
        }) else {
            return;
        };
        for word in logical::split(&raw.value, true) {
            if out.len() >= MAX_WORDS {
                self.config.gap(Reason::TooComplex { subject: name.to_owned() }, None);
                return;
            }
            let at = (raw.at)(word.offset);
            match plain_reference(word.text) {
                Some(inner) if depth < MAX_DEPTH => self.collect(inner, depth + 1, out),
                _ => match self.expand(word.text) {
                    Ok(text) => out.extend(
                        logical::split(&text, true)
                            .iter()
                            .map(|w| Word { text: w.text.to_owned(), at: at.clone() }),
                    ),
                    Err(_) => {
                        self.config.gap(Reason::Unread { text: at.text.to_string() }, Some(at.clone()));
                        out.push(Word { text: word.text.to_owned(), at });
                    }
                },
            }
        }
    }
}

/// `name` of a word that is nothing but `$name`, `${name}` or `$(name)`.
fn plain_reference(word: &str) -> Option<&str> {
    let inner = word.strip_prefix('$')?;
    let inner = match inner.strip_prefix('{') {
        Some(braced) => braced.strip_suffix('}')?,
        None => inner.strip_prefix('(').map_or(Some(inner), |p| p.strip_suffix(')'))?,
    };
    (!inner.is_empty() && inner.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(inner)
}

fn settings(evidence: &DeviceEvidence, artifact: &str) -> Option<Settings> {
    evidence.text(artifact).map(|text| Settings::read(artifact, &text))
}

fn services(evidence: &DeviceEvidence, artifact: &str) -> Option<(Vec<Service>, Vec<Location>)> {
    evidence.text(artifact).map(|text| mastercf::read(artifact, &text))
}
