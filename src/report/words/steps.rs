//! The words of the steps that decide a relay attempt.

use crate::report::Lang;

/// The label of the lines, as wide as those of a verdict.
pub const fn label(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "steps  ",
        Lang::Ja => "判定順",
    }
}

/// The state before.
pub const fn before(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "before ",
        Lang::Ja => "作業前",
    }
}

/// The state after.
pub const fn after(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "after  ",
        Lang::Ja => "作業後",
    }
}

/// Whether a stage is one of a packet filter.
pub fn is_of_packets(stage: &str) -> bool {
    matches!(stage, "forward" | "input")
}

/// The packet filter of the server itself.
pub const fn own_filter(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "its own packet filter",
        Lang::Ja => "サーバー自身のパケットフィルター",
    }
}

/// A stage of the dialogue.
pub fn stage(stage: &str, lang: Lang) -> &str {
    match (stage, lang) {
        ("client", Lang::Ja) => "接続元",
        ("helo", _) => "HELO",
        ("sender", Lang::Ja) => "差出人",
        ("relay", Lang::Ja) => "中継",
        ("recipient", Lang::Ja) => "宛先",
        (other, _) => other,
    }
}

/// What comes of a step.
pub fn result(result: &str, lang: Lang) -> &str {
    match (result, lang) {
        ("accept", Lang::En) => "lets it through",
        ("accept", Lang::Ja) => "通す",
        ("drop", Lang::En) => "drops it",
        ("drop", Lang::Ja) => "破棄",
        ("reject", Lang::En) => "rejects it",
        ("reject" | "refuse", Lang::Ja) => "拒否",
        ("permit", Lang::En) => "permits",
        ("permit", Lang::Ja) => "許可",
        ("refuse", Lang::En) => "refuses",
        ("undecided", Lang::Ja) => "不明",
        (other, _) => other,
    }
}

/// What translation makes of a connection.
pub fn translated(source: Option<&str>, to: &str, lang: Lang) -> String {
    let to = if to.is_empty() { String::new() } else { format!(" => {to}") };
    match (source, lang) {
        (None, _) => to,
        (Some(source), Lang::En) => format!("{to}, as if from {source}"),
        (Some(source), Lang::Ja) => format!("{to}、接続元を {source} に書き換え"),
    }
}

/// Entries that are not shown.
pub fn more(count: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("({count} more)"),
        Lang::Ja => format!("（ほか {count} 件）"),
    }
}
