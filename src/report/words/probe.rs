//! The words of a test from outside: what was tried, what came of it, and why it proves less than it should.

use std::net::SocketAddr;

use crate::probe::{Conclusion, Form, Met, Standing, Why};
use crate::report::Lang;

/// An attempt by name.
pub const fn form(form: Form, lang: Lang) -> &'static str {
    match (form, lang) {
        (Form::Ordinary, Lang::En) => "ordinary mail to postmaster",
        (Form::Foreign, Lang::En) => "stranger to stranger",
        (Form::ForgedExisting, Lang::En) => "forged sender, existing",
        (Form::ForgedInvented, Lang::En) => "forged sender, invented",
        (Form::NullSender, Lang::En) => "empty sender",
        (Form::Percent, Lang::En) => "recipient with %",
        (Form::Bang, Lang::En) => "recipient with !",
        (Form::Quoted, Lang::En) => "recipient in quotes",
        (Form::SourceRoute, Lang::En) => "source route",
        (Form::Ordinary, Lang::Ja) => "postmaster 宛ての通常のメール",
        (Form::Foreign, Lang::Ja) => "第三者から第三者へ",
        (Form::ForgedExisting, Lang::Ja) => "差出人詐称（実在）",
        (Form::ForgedInvented, Lang::Ja) => "差出人詐称（架空）",
        (Form::NullSender, Lang::Ja) => "差出人が空",
        (Form::Percent, Lang::Ja) => "宛先に % を使用",
        (Form::Bang, Lang::Ja) => "宛先に ! を使用",
        (Form::Quoted, Lang::Ja) => "宛先を引用符で囲む",
        (Form::SourceRoute, Lang::Ja) => "経路指定つきの宛先",
    }
}

/// Heads of the table of attempts.
pub const fn heads(lang: Lang) -> [&'static str; 5] {
    match lang {
        Lang::En => ["attempt", "MAIL FROM, RCPT TO", "predicted", "met", ""],
        Lang::Ja => ["試行", "差出人と宛先", "予測", "実際", ""],
    }
}

/// The conclusion in a word.
pub const fn name(conclusion: Conclusion, lang: Lang) -> &'static str {
    match (conclusion, lang) {
        (Conclusion::Passed, Lang::En) => "PASSED",
        (Conclusion::Failed, Lang::En) => "FAILED",
        (Conclusion::Open, Lang::En) => "NO CONCLUSION",
        (Conclusion::Passed, Lang::Ja) => "合格 PASSED",
        (Conclusion::Failed, Lang::Ja) => "不合格 FAILED",
        (Conclusion::Open, Lang::Ja) => "結論なし NO CONCLUSION",
    }
}

/// The conclusion in a sentence.
pub fn conclusion(conclusion: Conclusion, relays: bool, tested: usize, lang: Lang) -> String {
    match (conclusion, lang) {
        (Conclusion::Passed, Lang::En) if tested > 0 => {
            format!("refused everything that a stranger must be refused, at {tested} mail target(s)")
        }
        (Conclusion::Passed, Lang::Ja) if tested > 0 => {
            format!("第三者の中継をすべて拒否しました（確認した接続先 {tested} か所）")
        }
        (Conclusion::Passed, Lang::En) => "the ports answer as expected".to_owned(),
        (Conclusion::Passed, Lang::Ja) => "ポートの応答は予測どおりです".to_owned(),
        (Conclusion::Failed, Lang::En) if relays => {
            "a stranger's mail for a stranger was accepted".to_owned()
        }
        (Conclusion::Failed, Lang::Ja) if relays => "第三者から第三者へのメールを受け付けました".to_owned(),
        (Conclusion::Failed, Lang::En) => "something answers that the configuration says is shut".to_owned(),
        (Conclusion::Failed, Lang::Ja) => "設定上は閉じているはずの接続が成立しました".to_owned(),
        (Conclusion::Open, Lang::En) => "the test proves nothing yet".to_owned(),
        (Conclusion::Open, Lang::Ja) => "この結果だけでは何も証明できません".to_owned(),
    }
}

/// What to think of a line of the table.
pub const fn mark(accord: crate::probe::Accord, relays: bool, lang: Lang) -> &'static str {
    use crate::probe::Accord;
    match (accord, relays, lang) {
        (Accord::Looser | Accord::Stricter, _, Lang::En) => "DIFFERS",
        (Accord::Looser | Accord::Stricter, _, Lang::Ja) => "不一致",
        (_, true, Lang::En) => "RELAYED",
        (_, true, Lang::Ja) => "中継",
        (Accord::Agrees, false, Lang::En) => "as predicted",
        (Accord::Agrees, false, Lang::Ja) => "予測どおり",
        (Accord::Open, false, _) => "",
    }
}

/// What became of a connection.
pub fn met(met: &Met, lang: Lang) -> String {
    match (met, lang) {
        (Met::Connected, Lang::En) => "connected".to_owned(),
        (Met::Refused, Lang::En) => "connection refused".to_owned(),
        (Met::TimedOut, Lang::En) => "no answer".to_owned(),
        (Met::Failed { problem }, Lang::En) => format!("no connection ({problem})"),
        (Met::NotTried, Lang::En) => "not tried".to_owned(),
        (Met::Connected, Lang::Ja) => "接続成立".to_owned(),
        (Met::Refused, Lang::Ja) => "接続拒否".to_owned(),
        (Met::TimedOut, Lang::Ja) => "応答なし".to_owned(),
        (Met::Failed { problem }, Lang::Ja) => format!("接続できません（{problem}）"),
        (Met::NotTried, Lang::Ja) => "未実施".to_owned(),
    }
}

/// Where a test stands.
pub const fn standing(standing: Standing, lang: Lang) -> &'static str {
    match (standing, lang) {
        (Standing::Outside, Lang::En) => "a stranger",
        (Standing::Inside, Lang::En) => "inside",
        (Standing::Trusted, Lang::En) => "trusted by the server",
        (Standing::Unknown, Lang::En) => "not known",
        (Standing::Outside, Lang::Ja) => "外部の第三者",
        (Standing::Inside, Lang::Ja) => "内部",
        (Standing::Trusted, Lang::Ja) => "サーバーが許可する接続元",
        (Standing::Unknown, Lang::Ja) => "不明",
    }
}

/// The line above the attempts at one target.
pub fn target(at: SocketAddr, client: Option<&str>, standing: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{at}  from {} ({standing})", client.unwrap_or("an address that is not known")),
        Lang::Ja => format!("{at}  接続元 {}（{standing}）", client.unwrap_or("不明なアドレス")),
    }
}

/// Why a test proves less than it should.
pub fn doubt(why: Why, lang: Lang) -> String {
    match lang {
        Lang::En => english(why),
        Lang::Ja => japanese(why),
    }
}

fn english(why: Why) -> String {
    match why {
        Why::SourceUnknown => "the address that the server sees of this test is not known, so nobody can say whether it is trusted; give --source ADDRESS, or test from elsewhere with --from DEVICE".to_owned(),
        Why::Inside { client } => format!("{client} is an inside address; what it is refused or granted says nothing about strangers: test from outside with --from DEVICE"),
        Why::Trusted { client } => format!("{client} is trusted by the server's configuration; test from an address that is not"),
        Why::NotReached => "no connection came about, and the evidence does not say that there is none to be had; a provider may block outgoing mail here".to_owned(),
        Why::NoGreeting => "connected, and no greeting came".to_owned(),
        Why::TurnedAway => "the server takes nothing at all from this address, so its refusals say nothing about relaying".to_owned(),
        Why::TlsNotSpoken => "TLS is demanded, and no TLS came about: relaying was not tested there".to_owned(),
        Why::DomainRefused => "the foreign domain was refused, not the relaying; declare one that exists: foreign in [probe] of site.toml".to_owned(),
        Why::PutOff => "refused for now only; test again later".to_owned(),
        Why::Unanswered => "an attempt was not answered".to_owned(),
        Why::Unclear => "accepted, and nobody knows from here whether it would leave the server".to_owned(),
        Why::Xclient => "XCLIENT is offered to strangers: whoever uses it is whoever he says he is".to_owned(),
        Why::LeftOut { count } => format!("{count} attempts or connections were left out: the caps or the time were reached"),
        Why::NothingTested => "no mail target could be tested in clear".to_owned(),
    }
}

fn japanese(why: Why) -> String {
    match why {
        Why::SourceUnknown => "サーバーから見た接続元アドレスが分からないため、許可された接続元かどうかを判断できません。--source アドレス を指定するか、--from 機器 で別の場所から確認してください".to_owned(),
        Why::Inside { client } => format!("{client} は内部のアドレスです。ここからの結果では、第三者がどう扱われるかは分かりません。--from 機器 で外部から確認してください"),
        Why::Trusted { client } => format!("{client} はサーバーの設定で許可されています。許可されていないアドレスから確認してください"),
        Why::NotReached => "接続できませんでした。接続できないはずだと示す証拠もありません（こちら側の事業者が送信用ポートを止めている場合があります）".to_owned(),
        Why::NoGreeting => "接続はできましたが、応答がありません".to_owned(),
        Why::TurnedAway => "この接続元からのメールを一切受け付けないため、拒否されても中継の可否は分かりません".to_owned(),
        Why::TlsNotSpoken => "TLS が必須ですが、TLS の接続が成立しなかったため、中継の可否は未確認です".to_owned(),
        Why::DomainRefused => "中継ではなく、外部ドメインそのものを理由に拒否されました。site.toml の [probe] の foreign に、実在するドメインを書いてください".to_owned(),
        Why::PutOff => "一時的な拒否にとどまります。時間をおいてもう一度確認してください".to_owned(),
        Why::Unanswered => "応答のない試行がありました".to_owned(),
        Why::Unclear => "受け付けられましたが、実際に外部へ送られるかどうかはここからは分かりません".to_owned(),
        Why::Xclient => "第三者に XCLIENT を許しています。使えば、どのアドレスにも成りすませます".to_owned(),
        Why::LeftOut { count } => format!("上限または時間切れにより、{count} 件を実施していません"),
        Why::NothingTested => "平文で確認できた接続先がありません".to_owned(),
    }
}

/// Nothing was sent, and where the record lies.
pub fn stored(folder: &str, digest: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!(
            "no mail was sent (every attempt stopped after RCPT TO); recorded in {folder}, sha256 {digest}"
        ),
        Lang::Ja => {
            format!("メールは送っていません（すべて RCPT TO で中止）。記録: {folder}、sha256 {digest}")
        }
    }
}

/// Ports of wide ranges that were not tried.
pub fn untried(count: usize, lang: Lang) -> String {
    match lang {
        Lang::En => {
            format!("{count} more ports that the change opened were not tried: the first 8 of a range are")
        }
        Lang::Ja => {
            format!("ほかに開いた {count} 個のポートは試していません（範囲ごとに最初の 8 個だけを試します）")
        }
    }
}

/// What the prediction rests on.
pub fn basis(snapshot: Option<&str>, lang: Lang) -> String {
    match (snapshot, lang) {
        (Some(snapshot), Lang::En) => format!("predicted from {snapshot}"),
        (Some(snapshot), Lang::Ja) => format!("予測の根拠: {snapshot}"),
        (None, Lang::En) => "no prediction: nothing was captured of this device".to_owned(),
        (None, Lang::Ja) => "予測なし（この機器の設定は取得していません）".to_owned(),
    }
}

/// There is nothing to test.
pub const fn nothing_declared(lang: Lang) -> &'static str {
    match lang {
        Lang::En => {
            "site.toml declares nothing that may be tested; add to a [[device]]: probe = [\"smtp 203.0.113.10:25,587\"]"
        }
        Lang::Ja => {
            "site.toml に、実地確認してよい対象が書かれていません。[[device]] に probe = [\"smtp 203.0.113.10:25,587\"] のように書いてください"
        }
    }
}

/// Something that is not declared as a target.
pub fn not_declared(target: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!(
            "{target:?} is not declared as a target of tests: only what `probe` of a [[device]] in site.toml names is ever connected to"
        ),
        Lang::Ja => format!(
            "{target:?} は実地確認の対象として宣言されていません。接続するのは、site.toml の [[device]] の probe に書かれた対象だけです"
        ),
    }
}

/// The TLS under which a target was tested.
pub fn under_tls(version: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("under {version}, certificate not checked"),
        Lang::Ja => format!("{version} で接続（証明書は検証していません）"),
    }
}
