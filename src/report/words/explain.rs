//! What `rules`, `explain` and `platforms` say.

use std::fmt::Write;

use super::phrases::plain_title;
use super::verdict::severity;
use crate::platform::{Ask, How};
use crate::report::Lang;
use crate::report::card::texts;
use crate::report::text::{escape, pad};
use crate::rules::{Over, Rule};

/// One line a rule: severity, id, what it finds.
pub fn list(rules: &[Rule], lang: Lang) -> String {
    let widest = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let mut out = String::new();
    for rule in rules {
        let title = plain_title(&texts(rule, lang).title);
        let _ = writeln!(
            out,
            "{}  {}  {title}",
            pad(severity(rule.severity, lang), 8),
            pad(&escape(&rule.id), widest)
        );
    }
    out
}

/// Everything about one rule.
pub fn full(rule: &Rule, lang: Lang) -> String {
    let words = texts(rule, lang);
    let over = match (rule.over, lang) {
        (Over::Drift, Lang::En) => "what changed",
        (Over::State, Lang::En) => "what is, whether or not it changed",
        (Over::Drift, Lang::Ja) => "作業で変わったこと",
        (Over::State, Lang::Ja) => "現在の状態（変更の有無を問わない）",
    };
    let heads = match lang {
        Lang::En => ["finds", "why", "do", "severity", "looks at", "incident", "controls"],
        Lang::Ja => ["検出内容", "理由", "対処", "重要度", "対象", "関連事例", "根拠となる基準"],
    };
    let values = [
        plain_title(&words.title),
        escape(&words.why),
        escape(&words.fix),
        severity(rule.severity, lang).to_owned(),
        over.to_owned(),
        escape(rule.incident.as_deref().unwrap_or_default()),
        escape(&rule.controls.join(", ")),
    ];
    let mut out = format!("{}\n", escape(&rule.id));
    for (head, value) in heads.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(out, "  {}  {value}", pad(head, if lang == Lang::Ja { 14 } else { 8 }));
    }
    out
}

/// There is no such rule.
pub fn unknown(id: &str, near: Option<&str>, lang: Lang) -> String {
    let id = escape(id);
    match (lang, near) {
        (Lang::En, Some(near)) => format!("there is no rule {id:?}; did you mean {near}?"),
        (Lang::En, None) => format!("there is no rule {id:?}; sekisho rules lists them"),
        (Lang::Ja, Some(near)) => format!("規則 {id:?} はありません。{near} のことですか"),
        (Lang::Ja, None) => format!("規則 {id:?} はありません。一覧は sekisho rules で表示できます"),
    }
}

/// The head of a platform's questions.
pub fn platform(id: &str, signs: &[&str], lang: Lang) -> String {
    let (none, signs) = (signs.is_empty(), signs.join(", "));
    match lang {
        _ if none => format!("{id}\n"),
        Lang::En => format!("{id}   (a folder is known to be of it by {signs})\n"),
        Lang::Ja => format!("{id}   （フォルダーに {signs} があれば、この種類と見なします）\n"),
    }
}

/// One question to a device.
pub fn question(ask: &Ask) -> String {
    let how = match &ask.how {
        How::Command(command) => command.clone(),
        How::File(path) => format!("cat {path}"),
    };
    format!("  {}  {how}\n", pad(&ask.artifact, 28))
}

/// What the questions of a platform leave unsaid.
pub const fn further(lang: Lang) -> &'static str {
    match lang {
        Lang::En => {
            "Answers may raise further questions: the files that a configuration names. Nothing is written to a device.\n"
        }
        Lang::Ja => "このほか、設定に書かれたファイルも読み取ります。機器には何も書き込みません。\n",
    }
}
