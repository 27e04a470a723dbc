//! Rule packs: TOML files of rules, the shipped one and those of a site.

use std::sync::Arc;

use super::kind::{self, Entry};
use super::{Over, Rule, Texts};
use crate::finding::Severity;
use crate::site::problem::Problem;
use crate::site::table::{self, Reader, Table, Value};
use crate::site::{Pack, Rejected, Source};

/// The pack that comes with the program.
pub const DEFAULT_PACK: &str = include_str!("../../rules/default.toml");

/// Names of the packs that come with the program.
pub const SHIPPED: &[&str] = &["default"];

/// The rules of some packs, in order; no packs means the default pack. `read` loads a file of the site.
///
/// # Errors
/// Everything that is wrong with the first pack that is not right.
pub fn load(
    packs: &[Pack],
    read: impl Fn(&std::path::Path) -> Result<Source, Rejected>,
) -> Result<Vec<Rule>, Rejected> {
    let shipped = || parse(&Source::new("rules/default.toml", DEFAULT_PACK));
    if packs.is_empty() {
        return shipped();
    }
    let mut rules: Vec<Rule> = Vec::new();
    for pack in packs {
        let more = match pack {
            Pack::Shipped(_) => shipped()?,
            Pack::File(path) => parse(&read(path)?)?,
        };
        // a rule of a later pack takes the place of an earlier one with the same id
        rules.retain(|rule| !more.iter().any(|other| other.id == rule.id));
        rules.extend(more);
    }
    Ok(rules)
}

/// Reads one pack.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(source: &Source) -> Result<Vec<Rule>, Rejected> {
    table::read(source, |reader, root| {
        let mut rules: Vec<Rule> = Vec::new();
        for table in root.tables("rule", "[[rule]]") {
            let span = table.span();
            let Some(rule) = rule(reader, table) else { continue };
            match rules.iter().find(|other| other.id == rule.id) {
                Some(_) => reader.report(span, Problem::RuleTwice { id: rule.id.clone() }),
                None => rules.push(rule),
            }
        }
        root.finish();
        Some(rules)
    })
}

const SEVERITIES: [(&str, Severity); 4] = [
    ("info", Severity::Info),
    ("medium", Severity::Medium),
    ("high", Severity::High),
    ("critical", Severity::Critical),
];

/// Reads a severity.
pub(super) fn severity(value: &Value<'_>) -> Option<Severity> {
    value.one_of(&SEVERITIES)
}

fn rule(reader: &Reader<'_>, table: Table<'_>) -> Option<Rule> {
    let id = table.need("id", "id = \"open-relay\"").and_then(|v| v.line());
    let entries: Vec<(&str, &Entry)> = kind::ENTRIES.iter().map(|entry| (entry.name, entry)).collect();
    let entry = table.need("kind", "kind = \"flow-opened\"").and_then(|v| v.one_of(&entries));
    let over = table
        .need("over", "over = \"drift\"")
        .and_then(|v| v.one_of(&[("drift", Over::Drift), ("state", Over::State)]));
    let severity = table.need("severity", "severity = \"high\"").and_then(|v| severity(&v));
    let words = |key| table.get(key).and_then(|v| v.each(Value::line)).unwrap_or_default();
    let (cases, controls) = (words("cases"), words("controls"));
    let incident = table.get("incident").and_then(|v| v.line());
    let en = table.need_table("en", "[rule.en]").and_then(|t| texts(reader, t, entry));
    let ja = table.need_table("ja", "[rule.ja]").and_then(|t| texts(reader, t, entry));
    let kind = entry.and_then(|entry| (entry.read)(&table));
    // which keys belong here depends on the kind
    if entry.is_some() {
        table.finish();
    }
    Some(Rule {
        id: id?,
        kind: Arc::from(kind?),
        over: over?,
        severity: severity?,
        cases,
        incident,
        controls,
        en: en?,
        ja: ja?,
    })
}

fn texts(reader: &Reader<'_>, table: Table<'_>, entry: Option<&Entry>) -> Option<Texts> {
    let text = |key, example: &str| {
        let value = table.need(key, example)?;
        let text = value.line()?;
        if let Some(entry) = entry {
            for name in placeholders(&text).filter(|name| *name != "device" && !entry.args.contains(name)) {
                let known =
                    std::iter::once("device").chain(entry.args.iter().copied()).map(str::to_owned).collect();
                reader.report(value.span(), Problem::UnknownPlaceholder { name: name.to_owned(), known });
            }
        }
        Some(text)
    };
    let texts = Texts {
        title: text("title", "title = \"{device} ...\"")?,
        why: text("why", "why = \"...\"")?,
        fix: text("fix", "fix = \"...\"")?,
    };
    table.finish();
    Some(texts)
}

/// The names in braces of a text.
pub fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_default_pack_is_right_and_complete() {
        let rules = parse(&Source::new("default.toml", DEFAULT_PACK)).unwrap();
        assert!(rules.len() > 20);
        for rule in &rules {
            let named = |t: &Texts| placeholders(&t.title).map(str::to_owned).collect::<BTreeSet<_>>();
            assert_eq!(named(&rule.en), named(&rule.ja), "{}: both languages name the same values", rule.id);
            let japanese = |t: &str| t.chars().any(|c| ('\u{3040}'..='\u{9fff}').contains(&c));
            for text in [&rule.ja.title, &rule.ja.why, &rule.ja.fix] {
                assert!(japanese(text), "{}: {text}", rule.id);
            }
            assert!(!japanese(&rule.en.title) && !rule.cases.is_empty(), "{}", rule.id);
        }
    }

    #[test]
    fn slips_are_told_at_their_place() {
        let text = "[[rule]]\nid = \"x\"\nkind = \"flow-open\"\nover = \"drift\"\nseverity = \"hgh\"\n\
                    [rule.en]\ntitle = \"{nobody}\"\nwhy = \"y\"\nfix = \"z\"\n";
        let rejected = parse(&Source::new("p.toml", text)).unwrap_err();
        let lines: Vec<usize> = rejected
            .diagnostics
            .iter()
            .filter_map(|d| d.span.as_ref().map(|s| rejected.source.place(s.start).line))
            .collect();
        assert_eq!(lines, [1, 3, 5], "{:?}", rejected.diagnostics);
        let text = text.replace("flow-open", "flow-opened").replace("hgh", "high");
        let rejected = parse(&Source::new("p.toml", text)).unwrap_err();
        assert!(
            rejected
                .diagnostics
                .iter()
                .any(|d| matches!(&d.problem, Problem::UnknownPlaceholder { name, .. } if name == "nobody"))
        );
    }

    #[test]
    fn a_later_pack_replaces_rules_of_the_same_id() {
        let own = DEFAULT_PACK.replace("severity = \"critical\"", "severity = \"info\"");
        let packs = [Pack::Shipped("default".into()), Pack::File("own.toml".into())];
        let rules = load(&packs, |_| Ok(Source::new("own.toml", own.as_str()))).unwrap();
        assert!(rules.iter().all(|r| r.severity != Severity::Critical));
        assert_eq!(rules.len(), load(&[], |_| unreachable!()).unwrap().len());
    }
}
