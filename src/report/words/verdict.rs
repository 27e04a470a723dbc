//! The words of a verdict: labels, summaries, counts.

use super::phrases::several;
use crate::finding::Severity;
use crate::report::Lang;
use crate::rules::Verdict;
use crate::rules::device::Tested;

/// Labels of the lines of a verdict.
#[derive(Debug, Clone, Copy)]
pub struct Labels {
    /// An example to try.
    pub attempt: &'static str,
    /// Why it is only possible.
    pub reason: &'static str,
    /// The line that causes it.
    pub cause: &'static str,
    /// What to do at once.
    pub fix: &'static str,
    /// What it rests on.
    pub proof: &'static str,
    /// Further findings.
    pub further: &'static str,
}

/// The labels of a language, equally wide.
pub const fn labels(lang: Lang) -> Labels {
    match lang {
        Lang::En => Labels {
            attempt: "try    ",
            reason: "why    ",
            cause: "cause  ",
            fix: "do now ",
            proof: "proof  ",
            further: "also   ",
        },
        Lang::Ja => Labels {
            attempt: "再現例",
            reason: "理由  ",
            cause: "原因  ",
            fix: "対処  ",
            proof: "根拠  ",
            further: "ほか  ",
        },
    }
}

/// The verdict's name.
pub const fn name(verdict: Verdict, lang: Lang) -> &'static str {
    match (verdict, lang) {
        (Verdict::Allow, Lang::En) => "ALLOW",
        (Verdict::Deny, Lang::En) => "DENY",
        (Verdict::Undecided, Lang::En) => "UNDECIDED",
        (Verdict::Allow, Lang::Ja) => "承認可 ALLOW",
        (Verdict::Deny, Lang::Ja) => "不許可 DENY",
        (Verdict::Undecided, Lang::Ja) => "判定不能 UNDECIDED",
    }
}

/// The name of a severity.
pub const fn severity(severity: Severity, lang: Lang) -> &'static str {
    match (severity, lang) {
        (Severity::Critical, Lang::En) => "critical",
        (Severity::High, Lang::En) => "high",
        (Severity::Medium, Lang::En) => "medium",
        (Severity::Info, Lang::En) => "info",
        (Severity::Critical, Lang::Ja) => "重大",
        (Severity::High, Lang::Ja) => "高",
        (Severity::Medium, Lang::Ja) => "中",
        (Severity::Info, Lang::Ja) => "参考",
    }
}

/// The first words of an ALLOW: nothing new, as far as the case goes.
pub const fn nothing_new(plan: bool, compared: bool, lang: Lang) -> &'static str {
    match (compared, plan, lang) {
        (false, _, Lang::En) => "no open mail relay (end state only: nothing to compare with)",
        (false, _, Lang::Ja) => {
            "第三者中継はありません（比べる相手がないため、現在の状態だけを確認しました）"
        }
        (true, true, Lang::En) => "nothing new is reachable beyond the plan, no new mail relay",
        (true, true, Lang::Ja) => "計画外の新しい通信・中継はありません",
        (true, false, Lang::En) => "nothing new is reachable, no new mail relay",
        (true, false, Lang::Ja) => "新しい通信・中継はありません",
    }
}

/// The first words of an ALLOW with openings that do not block.
pub fn nothing_grave(openings: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("nothing new that blocks; {} to look at", several(openings, "lighter opening")),
        Lang::Ja => {
            format!("不許可にあたる新しい通信・中継はありません。軽微な開放 {openings} 件を確認してください")
        }
    }
}

/// Findings that are not told one by one.
pub fn more(count: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{count} more (check --table)"),
        Lang::Ja => format!("さらに {count} 件（check --table で表示）"),
    }
}

/// Numbers behind a verdict.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Planned openings that are there, and all planned ones.
    pub planned: Option<(usize, usize)>,
    /// Lines of flows opened and closed.
    pub flows: (usize, usize),
    /// Devices complete, and all.
    pub complete: (usize, usize),
    /// Lines not understood.
    pub unread: usize,
    /// What came of tests from outside.
    pub tested: Option<Tested>,
    /// Findings that were there before, or weigh too little to block.
    pub notes: usize,
}

/// The numbers of an ALLOW in one line.
pub fn summary(counts: &Counts, lang: Lang) -> String {
    let (opened, closed) = counts.flows;
    let (complete, all) = counts.complete;
    let unread = counts.unread;
    match (lang, counts.planned) {
        (Lang::En, Some((there, planned))) if planned > 0 => {
            format!(
                "opened {there} of {planned} planned, closed {closed}, {complete}/{all} complete, {unread} unread"
            )
        }
        (Lang::En, _) => {
            format!("opened {opened}, closed {closed}, {complete}/{all} complete, {unread} unread")
        }
        (Lang::Ja, Some((there, planned))) if planned > 0 => {
            format!(
                "計画どおり {there}/{planned} 件を許可、遮断 {closed}、{complete}/{all} 台取得、未解釈 {unread} 行"
            )
        }
        (Lang::Ja, _) => {
            format!("許可 {opened}、遮断 {closed}、{complete}/{all} 台取得、未解釈 {unread} 行")
        }
    }
}

/// What a DENY or UNDECIDED rests on.
pub fn proof(counts: &Counts, lang: Lang) -> String {
    let (opened, closed) = counts.flows;
    let (complete, all) = counts.complete;
    let unread = counts.unread;
    match lang {
        Lang::En => format!(
            "{complete} of {all} devices complete, {} unread; firewall: {opened} opened, {closed} closed; {}",
            several(unread, "line"),
            tested(counts.tested, lang)
        ),
        Lang::Ja => format!(
            "{all} 台中 {complete} 台を完全に取得、未解釈 {unread} 行。通信: 許可 {opened}、遮断 {closed}。{}",
            tested(counts.tested, lang)
        ),
    }
}

/// What stands between the parts of a line.
pub const fn stop(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "; ",
        Lang::Ja => "。",
    }
}

/// What came of tests from outside, if there were any since the last edit.
pub const fn tested(tested: Option<Tested>, lang: Lang) -> &'static str {
    match (tested, lang) {
        (None, Lang::En) => "not tested from outside (sekisho probe)",
        (Some(Tested::Passed), Lang::En) => "tested from outside: passed",
        (Some(Tested::Failed), Lang::En) => "tested from outside: it relayed, or a shut port answered",
        (Some(Tested::Open), Lang::En) => "tested from outside, without a conclusion",
        (None, Lang::Ja) => "外部からの実地確認は未実施（sekisho probe）",
        (Some(Tested::Passed), Lang::Ja) => "外部からの実地確認に合格",
        (Some(Tested::Failed), Lang::Ja) => {
            "外部からの実地確認に不合格（中継、または閉じているはずの接続が成立）"
        }
        (Some(Tested::Open), Lang::Ja) => "外部からの実地確認は結論なし",
    }
}

/// Older and lighter findings, folded.
pub fn notes(count: usize, lang: Lang) -> String {
    match (lang, count) {
        (Lang::En, 1) => "1 older or lighter note".to_owned(),
        (Lang::En, n) => format!("{n} older or lighter notes"),
        (Lang::Ja, n) => format!("以前からの、または軽微な注意 {n} 件"),
    }
}

/// Nobody looked during the window.
pub const fn not_watched(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "end state only, window not watched",
        Lang::Ja => "作業後の状態のみ。作業中の監視なし",
    }
}

/// How the window was watched: times and longest gap already in words.
pub fn watched(between: &str, gap: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("watched {between}, longest gap {gap}"),
        Lang::Ja => format!("監視 {between}、最長空白 {gap}"),
    }
}

/// Looks that did not see every device whole.
pub fn looks_incomplete(incomplete: usize, all: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{incomplete} of {all} looks incomplete"),
        Lang::Ja => format!("{all} 回中 {incomplete} 回は取得不完全"),
    }
}

/// Devices that no look saw.
pub fn unwatched(devices: &[String], lang: Lang) -> String {
    match lang {
        Lang::En => format!("never seen whole: {}", devices.join(", ")),
        Lang::Ja => format!("一度も完全には監視できなかった機器: {}", devices.join("、")),
    }
}

/// Heads of the table of findings.
pub const fn heads(lang: Lang) -> [&'static str; 5] {
    match lang {
        Lang::En => ["severity", "device", "rule", "finding", "line"],
        Lang::Ja => ["重要度", "機器", "規則", "内容", "該当箇所"],
    }
}

/// A finding that was true during the window only.
pub const fn during(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "during the work: ",
        Lang::Ja => "作業中: ",
    }
}

/// Who waits on the host for packets that get through.
pub fn listening(programs: &[String], lang: Lang) -> String {
    let some = programs.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if programs.len() > 4 { ", ..." } else { "" };
    match (lang, programs.is_empty()) {
        (Lang::En, true) => "nothing listens there".to_owned(),
        (Lang::Ja, true) => "待ち受けているプログラムなし".to_owned(),
        (Lang::En, false) => format!("listening: {some}{more}"),
        (Lang::Ja, false) => format!("待ち受け中: {some}{more}"),
    }
}

/// The evidence of a device is not whole.
pub const fn incomplete(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "; evidence is incomplete",
        Lang::Ja => "（証拠が不足しています）",
    }
}

/// A difference of texts is longer than what is shown of it.
pub const fn shortened(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "(the rest is not shown)",
        Lang::Ja => "（以下省略）",
    }
}

/// A finding that is only possible.
pub const fn possibly(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "possibly: ",
        Lang::Ja => "可能性あり: ",
    }
}

/// The moment that an example is compared with the state before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The work is over.
    After,
    /// While the work went on; it is over.
    During,
    /// The work goes on.
    Now,
}

/// Before and after, in the line that shows an example.
pub fn before_after(before: Option<&str>, after: &str, when: When, lang: Lang) -> String {
    let moment = match (when, lang) {
        (When::After, Lang::En) => "after",
        (When::During, Lang::En) => "during the work",
        (When::Now, Lang::En) => "now",
        (When::After, Lang::Ja) => "作業後",
        (When::During, Lang::Ja) => "作業中",
        (When::Now, Lang::Ja) => "現在",
    };
    match (lang, before) {
        (Lang::En, Some(before)) => format!("before {before} -> {moment} {after}"),
        (Lang::Ja, Some(before)) => format!("作業前 {before} → {moment} {after}"),
        (_, None) => format!("{moment} {after}"),
    }
}

/// What happens to a packet or attempt, in a word.
pub fn outcome(verdict: &str, lang: Lang) -> &'static str {
    match (verdict, lang) {
        ("accept" | "permit", Lang::En) => "accepted",
        ("drop", Lang::En) => "dropped",
        ("reject", Lang::En) => "refused",
        ("defer", Lang::En) => "deferred",
        ("unavailable", Lang::En) => "not served",
        (_, Lang::En) => "not known",
        ("accept", Lang::Ja) => "許可",
        ("permit", Lang::Ja) => "受付",
        ("drop", Lang::Ja) => "遮断",
        ("reject", Lang::Ja) => "拒否",
        ("defer", Lang::Ja) => "一時拒否",
        ("unavailable", Lang::Ja) => "応答なし",
        (_, Lang::Ja) => "不明",
    }
}

/// Which site.toml counts.
pub fn site(path: Option<&str>, lang: Lang) -> String {
    match (path, lang) {
        (Some(path), Lang::En) => format!("site: {path}"),
        (Some(path), Lang::Ja) => format!("宣言: {path}"),
        (None, Lang::En) => "no site.toml: default zones".to_owned(),
        (None, Lang::Ja) => "site.toml なし（既定の区域で判断）".to_owned(),
    }
}

/// What to do first where nothing is declared and nothing was given.
pub const fn begin(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "Declare your devices in site.toml, then: sekisho capture --phase before",
        Lang::Ja => {
            "site.toml に機器を宣言し、sekisho capture --phase before で作業前の状態を取得してください"
        }
    }
}

/// Restoring commands are printed, never run.
pub fn rollback(command: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{command}   (printed only, nothing is changed)"),
        Lang::Ja => format!("{command}   （手順を表示するだけで、変更はしません）"),
    }
}
