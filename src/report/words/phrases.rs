//! Values of findings in words.

use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use crate::finding::{Arg, Phrase};
use crate::report::Lang;
use crate::report::text::escape;
use crate::report::words::reason;
use crate::report::words::verdict::outcome;
use crate::rules::Rule;

/// How values are written.
#[derive(Debug, Clone, Copy)]
pub struct Style<'a> {
    /// Language.
    pub lang: Lang,
    /// The offset in which times are shown.
    pub offset: UtcOffset,
    /// The rules, for titles within titles.
    pub rules: &'a [Rule],
}

/// A rule's text with its values put in, harmless for a terminal.
pub fn fill(template: &str, arg: impl Fn(&str) -> Option<Arg>, style: Style<'_>) -> String {
    let text = escape(&plain(template, arg, style));
    if style.lang == Lang::Ja { close_up(&text) } else { text }
}

/// Japanese without blanks between two of its own characters: templates put blanks around values, which may be words.
fn close_up(text: &str) -> String {
    let own =
        |c: char| matches!(c, '\u{3000}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}');
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let between = c == ' ' && out.ends_with(own) && rest.peek().is_some_and(|next| own(*next));
        if !between {
            out.push(c);
        }
    }
    out
}

/// A rule's title without values: what a finding would name is left out.
pub fn plain_title(template: &str) -> String {
    escape(&plain(
        template,
        |_| Some(Arg::Text("…".to_owned())),
        Style { lang: Lang::En, offset: UtcOffset::UTC, rules: &[] },
    ))
}

fn plain(template: &str, arg: impl Fn(&str) -> Option<Arg>, style: Style<'_>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            break;
        };
        match arg(name) {
            Some(value) => out.push_str(&text(&value, style)),
            None => out.push('-'),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// One value in words, not escaped yet.
pub fn text(arg: &Arg, style: Style<'_>) -> String {
    match arg {
        Arg::Text(text) => text.clone(),
        Arg::Count(n) => n.to_string(),
        Arg::Moment(moment) => time_of(*moment, style),
        Arg::Between { from, to } => between(*from, *to, style),
        Arg::Seconds { seconds } => span(*seconds, style.lang),
        Arg::Reason(why) => reason(why, style.lang),
        Arg::Phrase(phrase) => phrase_text(phrase, style.lang),
        Arg::Title { rule, args } => match style.rules.iter().find(|r| r.id == *rule) {
            Some(found) => {
                let texts = if style.lang == Lang::En { &found.en } else { &found.ja };
                plain(&texts.title, |name| args.get(name).cloned(), style)
            }
            None => rule.clone(),
        },
        Arg::List(list) => list.iter().map(|one| text(one, style)).collect::<Vec<_>>().join(""),
    }
}

/// A moment: day and time, with the name of the offset.
pub fn time_of(moment: OffsetDateTime, style: Style<'_>) -> String {
    let local = moment.to_offset(style.offset);
    let shown = local
        .format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"))
        .unwrap_or_default();
    format!("{shown} {}", offset_name(style.offset))
}

/// From one moment to another; the day is said once where it is the same.
pub fn between(from: OffsetDateTime, to: OffsetDateTime, style: Style<'_>) -> String {
    let (start, end) = (from.to_offset(style.offset), to.to_offset(style.offset));
    let name = offset_name(style.offset);
    let day = |at: OffsetDateTime| at.format(format_description!("[year]-[month]-[day]")).unwrap_or_default();
    let clock =
        |at: OffsetDateTime| at.format(format_description!("[hour]:[minute]:[second]")).unwrap_or_default();
    let end = if start.date() == end.date() { clock(end) } else { format!("{} {}", day(end), clock(end)) };
    let start = format!("{} {}", day(start), clock(start));
    match style.lang {
        Lang::En => format!("{start} - {end} {name}"),
        Lang::Ja => format!("{start}～{end} ({name})"),
    }
}

/// `JST`, `UTC`, or the offset itself.
pub fn offset_name(offset: UtcOffset) -> String {
    match offset.whole_seconds() {
        0 => "UTC".to_owned(),
        32_400 => "JST".to_owned(),
        seconds => {
            let sign = if seconds < 0 { '-' } else { '+' };
            let minutes = seconds.abs() / 60;
            format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        }
    }
}

/// A span of time.
pub fn span(seconds: i64, lang: Lang) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
    match (lang, hours, minutes) {
        (Lang::En, 0, 0) => format!("{rest} s"),
        (Lang::En, 0, _) => format!("{minutes} min {rest:02} s"),
        (Lang::En, ..) => format!("{hours} h {minutes:02} min"),
        (Lang::Ja, 0, 0) => format!("{rest}秒"),
        (Lang::Ja, 0, _) => format!("{minutes}分{rest:02}秒"),
        (Lang::Ja, ..) => format!("{hours}時間{minutes:02}分"),
    }
}

/// A number of things in English.
pub fn several(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

fn phrase_text(phrase: &Phrase, lang: Lang) -> String {
    match lang {
        Lang::En => english(phrase),
        Lang::Ja => japanese(phrase),
    }
}

fn english(phrase: &Phrase) -> String {
    match phrase {
        Phrase::Anybody => "anyone on the internet".to_owned(),
        Phrase::Networks { networks } => networks.join(", "),
        Phrase::Partners => "partners".to_owned(),
        Phrase::Itself => "the device itself".to_owned(),
        Phrase::Everything => "this check".to_owned(),
        Phrase::SenderIn { domain } => format!(" by writing a sender in {domain}"),
        Phrase::Sender { address } => format!(" by writing {address} as the sender"),
        Phrase::BareSender => " by writing a sender without a domain".to_owned(),
        Phrase::NullSender => " by writing the empty sender <>".to_owned(),
        Phrase::Helo { name } => format!(" by saying HELO {name}"),
        Phrase::RecipientForm { example } => format!(" by writing the recipient as {example}"),
        Phrase::ProxyHeader { claims } => format!(" by sending a PROXY header that claims to be {claims}"),
        Phrase::Xclient { claims } => format!(" by claiming to be {claims} with XCLIENT"),
        Phrase::Translated { through, seen } => {
            format!(" because {through} gives every client the trusted address {seen}")
        }
        Phrase::ClientName { name } => format!(" from an address whose DNS name is {name}"),
        Phrase::Tls => " over TLS".to_owned(),
        Phrase::AnyProtocol => "any protocol".to_owned(),
        Phrase::Outcome { verdict, code } => outcome_of(verdict, *code, Lang::En),
    }
}

fn japanese(phrase: &Phrase) -> String {
    match phrase {
        Phrase::Anybody => "インターネット上の不特定の相手".to_owned(),
        Phrase::Networks { networks } => networks.join("、"),
        Phrase::Partners => "隣接ネットワーク（他組織など）の相手".to_owned(),
        Phrase::Itself => "機器自身".to_owned(),
        Phrase::Everything => "今回の確認".to_owned(),
        Phrase::SenderIn { domain } => format!("差出人を {domain} のアドレスと名乗るだけで、"),
        Phrase::Sender { address } => format!("差出人を {address} と名乗るだけで、"),
        Phrase::BareSender => "差出人にドメインを付けずに送るだけで、".to_owned(),
        Phrase::NullSender => "差出人を空（<>）にするだけで、".to_owned(),
        Phrase::Helo { name } => format!("HELO で {name} と名乗るだけで、"),
        Phrase::RecipientForm { example } => format!("宛先を {example} の形で書くだけで、"),
        Phrase::ProxyHeader { claims } => format!("PROXY ヘッダーで {claims} と名乗るだけで、"),
        Phrase::Xclient { claims } => format!("XCLIENT で {claims} と名乗るだけで、"),
        Phrase::Translated { through, seen } => {
            format!("{through} が接続元を信頼済みのアドレス {seen} に書き換えるため、")
        }
        Phrase::ClientName { name } => format!("DNS 上の名前が {name} のアドレスから、"),
        Phrase::Tls => "TLS を使って、".to_owned(),
        Phrase::AnyProtocol => "あらゆる通信".to_owned(),
        Phrase::Outcome { verdict, code } => outcome_of(verdict, *code, Lang::Ja),
    }
}

/// What happens to an attempt, with the reply code where there is one.
pub fn outcome_of(verdict: &str, code: Option<u16>, lang: Lang) -> String {
    let code = code.map_or_else(String::new, |code| format!("{code} "));
    format!("{code}{}", outcome(verdict, lang))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Style<'_> = Style { lang: Lang::En, offset: UtcOffset::UTC, rules: &[] };

    #[test]
    fn values_are_put_in_and_made_harmless() {
        let arg = |name: &str| (name == "device").then(|| Arg::Text("fw\u{1b}[2J".to_owned()));
        assert_eq!(fill("{device} is {gone} {", arg, EN), "fw\\u{1b}[2J is - {");
    }

    #[test]
    fn japanese_stands_close() {
        let arg = |name: &str| match name {
            "target" => Some(Arg::Phrase(Phrase::Itself)),
            name => Some(Arg::Text(name.to_owned())),
        };
        let style = Style { lang: Lang::Ja, ..EN };
        assert_eq!(fill("{device} の {target} の {ports} に", arg, style), "device の機器自身の ports に");
    }

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!([0, 1, 2].map(|n| several(n, "line")), ["0 lines", "1 line", "2 lines"]);
    }

    #[test]
    fn spans_and_times() {
        assert_eq!(
            [span(41, Lang::En), span(125, Lang::En), span(10_620, Lang::Ja)],
            ["41 s", "2 min 05 s", "2時間57分"]
        );
        let jst = UtcOffset::from_hms(9, 0, 0).unwrap();
        let moment = OffsetDateTime::from_unix_timestamp(1_647_587_880).unwrap();
        let (style, later) =
            (Style { lang: Lang::En, offset: jst, rules: &[] }, moment + time::Duration::hours(3));
        assert_eq!(between(moment, later, style), "2022-03-18 16:18:00 - 19:18:00 JST");
        assert_eq!(between(moment, later, EN), "2022-03-18 07:18:00 - 10:18:00 UTC");
        assert_eq!(
            between(moment, moment + time::Duration::DAY, style),
            "2022-03-18 16:18:00 - 2022-03-19 16:18:00 JST"
        );
        assert_eq!(
            time_of(moment, Style { lang: Lang::Ja, offset: jst, rules: &[] }),
            "2022-03-18 16:18:00 JST"
        );
    }
}
