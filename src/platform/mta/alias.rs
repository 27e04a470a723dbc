//! aliases(5), as every Unix mail server reads it: what a local name becomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::finding::Location;
use crate::relay::{Action, Content, Row, Table};

/// The rows of an alias file, and what answers mean that are no addresses: programs, files and included lists stay on
/// this host, `:fail:` and its kin refuse.
pub(in crate::platform) fn aliases(
    name: &str,
    file: &str,
    text: &str,
) -> (Arc<Table>, Arc<BTreeMap<Arc<str>, Action>>) {
    let mut rows: Vec<(Box<str>, Row)> = Vec::new();
    let mut actions = BTreeMap::new();
    for (number, line) in logical(text) {
        let Some((key, value)) = key_value(&line) else { continue };
        let value = addresses(value);
        if let Some(action) = special(&value) {
            actions.insert(Arc::from(value.as_str()), action);
        }
        let at = Location::at(file, number, line.as_str());
        rows.push((key.to_lowercase().into(), Row { value: value.into(), at }));
    }
    (
        Arc::new(Table { name: name.into(), content: Content::Keyed(rows.into_iter().collect()) }),
        Arc::new(actions),
    )
}

/// Lines with their continuations, without comments.
pub(in crate::platform) fn logical(text: &str) -> Vec<(u32, String)> {
    let mut out: Vec<(u32, String)> = Vec::new();
    for (line, number) in text.lines().zip(1u32..) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        match out.last_mut() {
            Some((_, last)) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(trimmed);
            }
            _ => out.push((number, trimmed.to_owned())),
        }
    }
    out
}

/// `key: value`, `key value`, `"quoted key": value`.
pub(in crate::platform) fn key_value(line: &str) -> Option<(&str, &str)> {
    if let Some((key, rest)) = line.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        return Some((key, rest.trim_start().trim_start_matches(':').trim()));
    }
    match line.find([':', ' ', '\t']) {
        Some(end) => {
            let (key, rest) = line.split_at_checked(end)?;
            Some((key, rest.trim_start().trim_start_matches(':').trim()))
        }
        None => Some((line, "")),
    }
}

/// The addresses among the targets; when there are none, the first target.
fn addresses(value: &str) -> String {
    let targets: Vec<&str> =
        value.split(',').map(|t| t.trim().trim_matches('"')).filter(|t| !t.is_empty()).collect();
    let stays = |target: &&str| target.starts_with(['|', '/', ':']) || target.contains(['"', ' ']);
    let plain: Vec<&str> =
        targets.iter().copied().filter(|t| !stays(t)).map(|t| t.trim_start_matches('\\')).collect();
    if plain.is_empty() { targets.first().copied().unwrap_or_default().to_owned() } else { plain.join(",") }
}

/// What an answer means that is no address.
pub(in crate::platform) fn special(value: &str) -> Option<Action> {
    let word = value.split_whitespace().next().unwrap_or_default();
    match word {
        ":fail:" => Some(Action::Refuse(550)),
        ":defer:" => Some(Action::Refuse(451)),
        ":unknown:" => Some(Action::Continue),
        "" => Some(Action::Continue),
        _ if word.starts_with(['|', '/', ':']) || word.starts_with("error:") => Some(Action::Hold),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_stay_here_are_no_addresses() {
        let text = "# c\npostmaster: root\nlist: a@far.example,\n b@far.example, |/usr/bin/x y\nprog: \"|/bin/cat -n\"\n\
            off: :fail: gone\nroot: \\soumu\n";
        let (table, actions) = aliases("a", "files/etc/aliases", text);
        let Content::Keyed(rows) = &table.content else { unreachable!() };
        let value = |key: &str| rows.get(key).map(|row| row.value.to_string()).unwrap();
        assert_eq!(value("list"), "a@far.example,b@far.example");
        assert_eq!(value("root"), "soumu");
        assert_eq!(rows.get("list").unwrap().at.line, Some(3));
        assert_eq!(actions.get(value("off").as_str()), Some(&Action::Refuse(550)));
        assert_eq!(actions.get(value("prog").as_str()), Some(&Action::Hold));
        assert_eq!(actions.get("root"), None);
    }
}
