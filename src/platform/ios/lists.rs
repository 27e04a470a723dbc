//! Access lists, numbered and named, of both families (IOS Security Command Reference, `access-list`, `ip access-list`,
//! `ipv6 access-list`).
//!
//! Entries count in the order of their sequence numbers; one without comes ten behind the last. What no entry matches is
//! denied; IPv6 lists permit neighbour discovery before that. A list without entries denies nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::{Line, Section};
use super::entry::{Context, answers, extended, standard};
use crate::finding::Location;
use crate::firewall::Test;
use crate::packet::{Atom, Family, Field, proto};
use crate::platform::Gap;
use crate::platform::cisco::Words;
use crate::platform::network::{Act, Entry, List};
use crate::reason::Reason;

/// What the entries of a list look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Standard,
    Extended(Family),
}

#[derive(Debug)]
struct Draft<'a> {
    form: Form,
    head: Line<'a>,
    entries: Vec<(u64, Line<'a>, &'a str)>,
    last: u64,
}

/// The access lists of a configuration, while it is read.
#[derive(Debug, Default)]
pub(super) struct Lists<'a> {
    drafts: BTreeMap<&'a str, Draft<'a>>,
}

impl<'a> Lists<'a> {
    /// Takes a section if it is an access list, or takes one away.
    pub(super) fn take(&mut self, section: &Section<'a>) -> bool {
        let head = section.head;
        let mut words = Words::of(head.text);
        if words.eat("no") {
            let named = name(&mut words);
            return named.is_some_and(|(_, name)| words.is_empty() && self.drafts.remove(name).is_some())
                || named.is_some() && words.is_empty();
        }
        if words.eat("access-list") {
            return self.numbered(head);
        }
        let Some((form, name)) = name(&mut words) else { return false };
        // an entry in the same line (older IPv6 lists)
        let inline = words.rest().join(" ");
        let draft = self.draft(name, form, head);
        if !inline.is_empty() {
            let Some(at) = head.text.find(words.rest().first().copied().unwrap_or_default()) else {
                return false;
            };
            draft.add(head, head.text.get(at..).unwrap_or_default());
        }
        for line in &section.below {
            draft.add(*line, line.text);
        }
        true
    }

    fn draft(&mut self, name: &'a str, form: Form, head: Line<'a>) -> &mut Draft<'a> {
        self.drafts.entry(name).or_insert_with(|| Draft { form, head, entries: Vec::new(), last: 0 })
    }

    /// `access-list NUMBER ENTRY`.
    fn numbered(&mut self, line: Line<'a>) -> bool {
        let mut rest = line.text.splitn(3, char::is_whitespace).skip(1);
        let (Some(name), Some(entry)) = (rest.next(), rest.next()) else { return false };
        let form = match name.parse::<u32>() {
            Ok(1..=99 | 1300..=1999) => Form::Standard,
            Ok(100..=199 | 2000..=2699) => Form::Extended(Family::Ipv4),
            _ => return false,
        };
        self.draft(name, form, line).add(line, entry.trim());
        true
    }

    /// Whether there is such a list.
    pub(super) fn has(&self, name: &str) -> bool {
        self.drafts.contains_key(name)
    }

    /// The lists, ready.
    pub(super) fn finish(
        self,
        context: &Context<'_>,
        file: &Arc<str>,
        gaps: &mut Vec<Gap>,
    ) -> BTreeMap<String, List> {
        let ready =
            |(name, draft): (&str, Draft<'a>)| (name.to_owned(), draft.finish(name, context, file, gaps));
        self.drafts.into_iter().map(ready).collect()
    }
}

/// The kind and the name of a list.
fn name<'a>(words: &mut Words<'a>) -> Option<(Form, &'a str)> {
    let form = match words.next()? {
        "ip" | "ipv4" if words.eat("access-list") => match words.peek()? {
            "standard" => {
                words.next();
                Form::Standard
            }
            "extended" => {
                words.next();
                Form::Extended(Family::Ipv4)
            }
            "resequence"
            | "log-update"
            | "logging"
            | "persistent"
            | "helper"
            | "role-based"
            | "match-local-traffic"
            | "fqdn"
            | "match" => return None,
            _ => Form::Extended(Family::Ipv4),
        },
        "ipv6" if words.eat("access-list") => {
            if matches!(words.peek()?, "log-update" | "role-based" | "match-local-traffic") {
                return None;
            }
            let standard = words.rest().len() > 1 && words.eat("standard");
            let _ = standard || words.rest().len() > 1 && words.eat("extended");
            Form::Extended(Family::Ipv6)
        }
        _ => return None,
    };
    Some((form, words.next()?))
}

impl<'a> Draft<'a> {
    fn add(&mut self, line: Line<'a>, text: &'a str) {
        let mut words = Words::of(text);
        let led = words.eat("sequence");
        let number: Option<u64> = words.parse::<u32>().map(Into::into);
        let skip = usize::from(led) + usize::from(number.is_some());
        let entry = text.splitn(skip + 1, char::is_whitespace).last().unwrap_or_default().trim();
        let trailing = match words.rest() {
            [.., "sequence", number] => number.parse::<u32>().ok().map(u64::from),
            _ => None,
        };
        let number = number.or(trailing).unwrap_or(self.last + 10);
        self.last = self.last.max(number);
        self.entries.push((number, line, entry));
    }

    fn finish(mut self, name: &str, context: &Context<'_>, file: &Arc<str>, gaps: &mut Vec<Gap>) -> List {
        self.entries.sort_by_key(|(number, ..)| *number);
        let family = match self.form {
            Form::Standard => Family::Ipv4,
            Form::Extended(family) => family,
        };
        let mut list = List { family, entries: Vec::new(), beyond_source: false };
        for (_, line, text) in &self.entries {
            let location = Location::at(Arc::clone(file), line.number, line.text);
            let Some((entry, unread, beyond)) = self.entry(text, context, location) else { continue };
            if unread {
                let reason = Reason::Unread { text: (*text).to_owned() };
                gaps.push(Gap { reason, location: Some(entry.location.clone()) });
            }
            list.beyond_source |= beyond;
            list.entries.push(entry);
        }
        let head = Location::at(Arc::clone(file), self.head.number, self.head.text);
        let end = if list.entries.is_empty() { Act::Permit } else { Act::Deny };
        if family == Family::Ipv6 && end == Act::Deny {
            list.entries.push(discovery(file, name));
        }
        let location = match end {
            Act::Permit => head,
            _ => Location::within(Arc::clone(file), format!("{name}: deny what no entry permits")),
        };
        list.entries.push(Entry { tests: vec![Test::Family(family)], act: end, location });
        list
    }

    /// An entry, whether all of it was understood, whether it asks for more than the source; `None` for a comment.
    fn entry(&self, text: &str, context: &Context<'_>, location: Location) -> Option<(Entry, bool, bool)> {
        let mut words = Words::of(text);
        let permit = match words.next()? {
            "remark" | "statistics" | "description" | "exit" => return None,
            "permit" => true,
            "deny" => false,
            "evaluate" if words.rest().len() == 1 => {
                let tests = answers(words.next()?);
                return Some((Entry { tests, act: Act::Permit, location }, false, false));
            }
            _ => {
                let reason = Reason::Unread { text: text.to_owned() };
                let act = Act::Unread(Atom { reason, occurrence: None });
                return Some((Entry { tests: Vec::new(), act, location }, true, false));
            }
        };
        let asked = match self.form {
            Form::Standard => standard(&mut words, context),
            Form::Extended(family) => extended(&mut words, family, context),
        };
        let (unread, beyond) = (asked.unread, asked.beyond_source);
        let act = if permit { Act::Permit } else { Act::Deny };
        Some((Entry { tests: asked.tests(permit, text), act, location }, unread, beyond))
    }
}

/// `permit icmp any any nd-na`, `permit icmp any any nd-ns`, which every IPv6 list has.
fn discovery(file: &Arc<str>, name: &str) -> Entry {
    let kinds = Test::Ranges(Field::IcmpType, vec![(135, 136)]);
    Entry {
        tests: vec![Test::Family(Family::Ipv6), Test::header(proto::ICMPV6), kinds],
        act: Act::Permit,
        location: Location::within(Arc::clone(file), format!("{name}: permit neighbour discovery")),
    }
}
