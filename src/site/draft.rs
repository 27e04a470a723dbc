//! Names while a file is read: what is declared, what is referred to, and whether the two meet.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;

use super::diagnostic::Source;
use super::flow::{Endpoint, FlowSpec};
use super::name::Name;
use super::near::nearest;
use super::problem::{Problem, Referent, ValueFault};
use super::table::{Reader, Value};
use super::value::read_path;
use super::zone::Zones;
use super::{Known, Pack, Site};

/// Most known names that a complaint carries along.
const MOST_KNOWN: usize = 50;

/// Names declared and referred to by the file that is being read.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    reader: &'a Reader<'a>,
    source: &'a Source,
    known: &'a Known<'a>,
    declared: RefCell<Vec<Declared>>,
    referred: RefCell<Vec<(Referent, Name, Range<usize>)>>,
}

/// What is declared, its name, and the name's place; no place where another file declares it.
type Declared = (Referent, Name, Option<Range<usize>>);

impl<'a> Draft<'a> {
    pub(super) fn new(reader: &'a Reader<'a>, source: &'a Source, known: &'a Known<'a>) -> Self {
        Self { reader, source, known, declared: RefCell::default(), referred: RefCell::default() }
    }

    /// Takes over what a site declares.
    pub(super) fn with_site(self, site: &Site) -> Self {
        let mut declared = self.declared.borrow_mut();
        declared.extend(site.zones.iter().map(|zone| (Referent::Zone, zone.name.clone(), None)));
        for device in site.devices.values() {
            declared.push((Referent::Device, device.name.clone(), None));
            declared.extend(device.groups.iter().map(|group| (Referent::Group, group.clone(), None)));
        }
        drop(declared);
        self
    }

    /// A path on this machine.
    pub(super) fn path(&self, text: &str) -> Result<PathBuf, ValueFault> {
        read_path(text, self.source.folder(), self.known.home)
    }

    /// A name that this value declares.
    pub(super) fn declare(&self, what: Referent, value: &Value<'_>) -> Option<Name> {
        let name = value.parse(Name::new)?;
        self.declared.borrow_mut().push((what, name.clone(), Some(value.span())));
        Some(name)
    }

    /// A name that must be declared somewhere; checked by [`Draft::check_names`].
    pub(super) fn refer(&self, what: Referent, value: &Value<'_>) -> Option<Name> {
        let name = value.parse(Name::new)?;
        self.referred.borrow_mut().push((what, name.clone(), value.span()));
        Some(name)
    }

    /// The names in a flow must be declared, and a zone in it must have addresses.
    pub(super) fn refer_flow(&self, flow: &Spanned<FlowSpec>, zones: &Zones) {
        for (endpoint, at_end) in [(&flow.get_ref().source, false), (&flow.get_ref().destination, true)] {
            self.refer_endpoint(endpoint, flow.span(), at_end, zones);
        }
    }

    /// The same for one endpoint that stands somewhere inside `span`, before or behind an arrow.
    pub(super) fn refer_endpoint(
        &self,
        endpoint: &Endpoint,
        span: Range<usize>,
        behind_arrow: bool,
        zones: &Zones,
    ) {
        let Endpoint::Named(name) = endpoint else { return };
        let span = self.find(name.as_str(), span, behind_arrow);
        if zones.get(name.as_str()).is_some() && zones.addresses(name.as_str()).is_none() {
            self.reader.report(span, Problem::ZoneWithoutNetworks { zone: name.to_string() });
        } else {
            self.referred.borrow_mut().push((Referent::ZoneOrDevice, name.clone(), span));
        }
    }

    /// Platforms: each of them known, each once; none for a device that cannot be read.
    pub(super) fn platforms(&self, value: &Value<'_>) -> Option<Vec<String>> {
        let mut platforms: Vec<String> = Vec::new();
        let members = value.list()?;
        for member in &members {
            let Some(id) = self.known_word(Referent::Platform, member, self.known.platforms) else {
                continue;
            };
            if !platforms.contains(&id) {
                platforms.push(id);
            }
        }
        // a word that is none was told already
        (members.is_empty() || !platforms.is_empty()).then_some(platforms)
    }

    /// A rule pack: one that comes with the program, or a file.
    pub(super) fn pack(&self, value: &Value<'_>) -> Option<Pack> {
        if value.text()?.ends_with(".toml") {
            return value.parse(|text| self.path(text)).map(Pack::File);
        }
        self.known_word(Referent::Pack, value, self.known.packs).map(Pack::Shipped)
    }

    /// Names must be declared once, and what is referred to must be declared.
    pub(super) fn check_names(&self) {
        self.check_declared();
        let mut names: BTreeMap<Referent, BTreeSet<String>> = BTreeMap::new();
        for (what, name, span) in self.referred.borrow().iter() {
            let known = names.entry(*what).or_insert_with(|| self.names(*what));
            if !known.contains(name.as_str()) {
                self.undeclared(*what, name.as_str(), span.clone(), known.iter().map(String::as_str));
            }
        }
    }

    /// Names become folders, and some file systems know no capitals, so capitals make no name another one.
    fn check_declared(&self) {
        let mut first: BTreeMap<(Referent, String), usize> = BTreeMap::new();
        for (what, name, span) in self.declared.borrow().iter().filter(|(what, ..)| *what != Referent::Group)
        {
            let Some(span) = span.clone().filter(|_| !self.reader.is_full()) else { continue };
            let folded = name.as_str().to_ascii_lowercase();
            let name = name.to_string();
            if let Some(at) = first.get(&(*what, folded.clone())) {
                let problem = Problem::DeclaredTwice { what: *what, name, line: self.reader.line(*at) };
                self.reader.report(span.clone(), problem);
            } else if let Some(at) = first.get(&(other(*what), folded.clone())) {
                self.reader.report(span.clone(), Problem::Ambiguous { name, line: self.reader.line(*at) });
            }
            first.entry((*what, folded)).or_insert(span.start);
        }
    }

    /// A word of a list that the program brings along.
    fn known_word(&self, what: Referent, value: &Value<'_>, known: &[&str]) -> Option<String> {
        let text = value.text()?;
        if known.contains(&text) {
            return Some(text.to_owned());
        }
        self.undeclared(what, text, value.span(), known.iter().copied());
        None
    }

    fn undeclared<'k>(
        &self,
        what: Referent,
        name: &str,
        span: Range<usize>,
        known: impl Iterator<Item = &'k str> + Clone,
    ) {
        if self.reader.is_full() {
            return;
        }
        let near = nearest(name, known.clone()).map(str::to_owned);
        let known = known.take(MOST_KNOWN).map(str::to_owned).collect();
        self.reader.report(span, Problem::Undeclared { what, name: name.to_owned(), near, known });
    }

    /// Every declared name of a kind.
    fn names(&self, what: Referent) -> BTreeSet<String> {
        let fits = |kind: Referent| match what {
            Referent::ZoneOrDevice => matches!(kind, Referent::Zone | Referent::Device),
            Referent::Hop => kind == Referent::Device,
            what => kind == what,
        };
        let declared = self.declared.borrow();
        declared.iter().filter(|(kind, ..)| fits(*kind)).map(|(_, name, _)| name.to_string()).collect()
    }

    /// Where a name stands inside a flow's text.
    fn find(&self, name: &str, span: Range<usize>, behind_arrow: bool) -> Range<usize> {
        let raw = self.source.text().get(span.clone()).unwrap_or_default();
        let arrow = raw.find("->").filter(|_| behind_arrow).unwrap_or(0);
        // Behind the protocol, so that a zone called `tcp` is found where it stands.
        let from = if behind_arrow { arrow } else { raw.find(' ').unwrap_or(0) };
        match raw.get(from..).and_then(|rest| rest.find(name)) {
            Some(at) => span.start + from + at..span.start + from + at + name.len(),
            None => span,
        }
    }
}

/// The other kind of thing that a flow may name.
fn other(what: Referent) -> Referent {
    if what == Referent::Device { Referent::Zone } else { Referent::Device }
}
