//! Japanese.

use super::names;
use crate::site::problem::{FlowFault, Kind, Problem, Referent, SyntaxFault, ValueFault};

/// What is wrong.
pub(super) fn what(problem: &Problem) -> String {
    match problem {
        Problem::Unreadable { error } => format!("ファイルを読み込めません（{error}）"),
        Problem::NotUtf8 => "文字コードが UTF-8 ではありません".to_owned(),
        Problem::TooLarge { limit } => format!("ファイルが大きすぎます（上限 {limit} バイト）"),
        Problem::Syntax { fault, message } => syntax(*fault, message),
        Problem::UnknownKey { key, table, .. } => {
            format!("{} に「{key}」というキーはありません", title(table))
        }
        Problem::SecretInFile { key } => {
            format!(
                "「{key}」に秘密情報を書くと、このファイルの複製・送付・版管理によって漏れるおそれがあります"
            )
        }
        Problem::MissingKey { key, table, .. } => format!("{} に「{key}」がありません", title(table)),
        Problem::DuplicateKey { key } => {
            format!("「{key}」がすでにあります（キーの「-」と「_」は同じものとして扱います）")
        }
        Problem::WrongKind { key, expected, found, .. } => {
            format!("「{key}」には{}を書きます（{}が書かれています）", kind(*expected), kind(*found))
        }
        Problem::Empty { key } => format!("「{key}」が空です"),
        Problem::TooFew { key, least } => format!("「{key}」には異なる名前が {least} つ以上必要です"),
        Problem::NotOneOf { value, .. } => format!("「{value}」はここに書ける語ではありません"),
        Problem::BadValue { value, fault, .. } => value_fault(value, *fault),
        Problem::BadFlow { value, fault, .. } => flow_fault(value, *fault),
        Problem::Undeclared { what, name, .. } => {
            format!("「{name}」という{}はありません", referent(*what))
        }
        Problem::DeclaredTwice { what, name, line } => {
            let what = referent(*what);
            format!("{what}「{name}」は {line} 行目ですでに宣言されています（大文字と小文字は区別しません）")
        }
        Problem::Ambiguous { name, line } => {
            format!("「{name}」は {line} 行目と同じ名前です。通信の宣言でゾーンと機器を区別できません")
        }
        Problem::SharedNetwork { network, zone } => {
            format!("{network} はすでにゾーン「{zone}」のネットワークです")
        }
        Problem::TrustsTheInternet { zone } => format!(
            "ゾーン「{zone}」は trusted ですが、IPv4 の半分または IPv6 の 16 分の 1 以上を含みます。\
             不特定多数を信頼することになります"
        ),
        Problem::ZoneNowhere { zone } => {
            format!("ゾーン「{zone}」にはネットワークもインターフェースもなく、該当する通信がありません")
        }
        Problem::ZoneWithoutNetworks { zone } => {
            format!("ゾーン「{zone}」はインターフェースだけで定義されているため、通信の宣言には使えません")
        }
        Problem::NotAfter { key, other } => format!("「{key}」は「{other}」より後の日時でなければなりません"),
        Problem::RuleTwice { id } => format!("規則「{id}」はすでにあります"),
        Problem::UnknownPlaceholder { name, .. } => {
            format!("「{{{name}}}」はこの種類の規則では使えません")
        }
        Problem::Cycle { key, path } => format!("「{key}」が循環しています（{}）", path.join(" → ")),
    }
}

/// What to write instead.
pub(super) fn mend(problem: &Problem) -> String {
    match problem {
        Problem::Unreadable { .. } => "パスと読み取り権限を確認してください".to_owned(),
        Problem::NotUtf8 => "文字コードを UTF-8 にして保存し直してください".to_owned(),
        Problem::TooLarge { .. } => "指定したファイルに誤りがないか確認してください".to_owned(),
        Problem::Syntax { fault, .. } => mend_syntax(*fault).to_owned(),
        Problem::UnknownKey { near: Some(near), .. } => format!("「{near}」と書いてください"),
        Problem::UnknownKey { known, .. } => {
            format!("この行を削除するか、次のいずれかを使ってください: {}", list(known))
        }
        Problem::SecretInFile { .. } => {
            "この行を削除し、password_env = \"変数名\" と書いて、パスワードは環境変数で\
             渡してください。どちらも書かなければ実行時に入力を求めます"
                .to_owned()
        }
        Problem::MissingKey { example, .. } => format!("次のように追記してください: {example}"),
        Problem::DuplicateKey { .. } => "どちらか一方だけを残してください".to_owned(),
        Problem::WrongKind { expected: Kind::Table | Kind::Tables, example, .. } => {
            format!("次のように書いてください: {example}")
        }
        Problem::WrongKind { key, expected: Kind::Text, found: Kind::Table, .. } => {
            format!("「.」を含む名前は引用符で囲んでください: \"{key}.10\" = \"...\"")
        }
        Problem::WrongKind { key, example, .. } => format!("次のように書いてください: {key} = {example}"),
        Problem::Empty { .. } => {
            "1 つ以上書いてください（省略できるキーなら、行ごと削除してもかまいません）".to_owned()
        }
        Problem::TooFew { .. } => "名前を追加するか、この一覧を削除してください".to_owned(),
        Problem::NotOneOf { near: Some(near), .. } => format!("「{near}」と書いてください"),
        Problem::NotOneOf { allowed, .. } => format!("次のいずれかを書いてください: {}", list(allowed)),
        Problem::BadValue { near: Some(near), .. } => format!("「{near}」と書いてください"),
        Problem::BadValue { fault, .. } => mend_value(*fault).to_owned(),
        Problem::BadFlow { near: Some(near), .. } => format!("「{near}」と書いてください"),
        Problem::BadFlow { fault, .. } => mend_flow(*fault).to_owned(),
        Problem::Undeclared { near: Some(near), .. } => format!("「{near}」と書いてください"),
        Problem::Undeclared { what, known, .. } => mend_undeclared(*what, known),
        Problem::DeclaredTwice { .. } => "どちらか一方の名前を変えてください".to_owned(),
        Problem::Ambiguous { .. } => "ゾーンか機器のどちらかの名前を変えてください".to_owned(),
        Problem::SharedNetwork { .. } => {
            "どちらか一方のゾーンだけに書いてください。その中のより小さい範囲は別のゾーンに書けます"
                .to_owned()
        }
        Problem::TrustsTheInternet { .. } => {
            "自組織のネットワークだけを書くか、trust = \"untrusted\" としてください".to_owned()
        }
        Problem::ZoneNowhere { zone } => format!(
            "ゾーンに networks = [\"192.0.2.0/24\"] を追記するか、機器のインターフェースを割り当ててください: \
             interfaces = {{ eth0 = \"{zone}\" }}"
        ),
        Problem::ZoneWithoutNetworks { .. } => {
            "ゾーンに networks = [\"192.0.2.0/24\"] を追記するか、ここにはアドレス範囲を書いてください"
                .to_owned()
        }
        Problem::NotAfter { .. } => "日付・時刻・時差のいずれかを見直してください".to_owned(),
        Problem::RuleTwice { .. } => "どちらかの id を変えてください".to_owned(),
        Problem::UnknownPlaceholder { known, .. } => format!("使えるのは {} です", list(known)),
        Problem::Cycle { key, .. } => format!("いずれかの機器から「{key}」を削除してください"),
    }
}

fn title(table: &str) -> &str {
    if table.is_empty() { "最上位" } else { table }
}

fn list(words: &[String]) -> String {
    names(words, str::to_owned, "、")
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "引用符で囲んだ文字列",
        Kind::Integer => "整数",
        Kind::Float => "小数",
        Kind::Boolean => "真偽値（true か false）",
        Kind::DateTime => "引用符のない日時",
        Kind::List => "角括弧 [ ] で囲んだ一覧",
        Kind::Table => "表",
        Kind::Tables => "二重の角括弧 [[ ]] で始まる表",
    }
}

fn referent(what: Referent) -> &'static str {
    match what {
        Referent::Zone => "ゾーン",
        Referent::Device | Referent::Hop => "機器",
        Referent::ZoneOrDevice => "ゾーンまたは機器",
        Referent::Group => "グループ",
        Referent::Platform => "プラットフォーム",
        Referent::Pack => "ルールパック",
    }
}

fn syntax(fault: SyntaxFault, message: &str) -> String {
    match fault {
        SyntaxFault::Unquoted => "文字列が引用符で囲まれていません".to_owned(),
        SyntaxFault::Unclosed => "引用符または括弧が閉じられていません".to_owned(),
        SyntaxFault::Duplicate => "同じキーまたは表がすでにあります".to_owned(),
        SyntaxFault::NoValue => "キーに値がありません".to_owned(),
        SyntaxFault::NoComma => "区切りのコンマがありません".to_owned(),
        SyntaxFault::Moment => format!("日時として読み取れません（{message}）"),
        SyntaxFault::Other => format!("TOML として読み取れません（{message}）"),
    }
}

fn mend_syntax(fault: SyntaxFault) -> &'static str {
    match fault {
        SyntaxFault::Unquoted => "引用符で囲んでください。例: name = \"fw-edge\"",
        SyntaxFault::Unclosed => "対応する \" または ] または } を補ってください",
        SyntaxFault::Duplicate => {
            "どちらか一方だけを残してください。機器やゾーンを複数書くときは [[device]] のように括弧を二重にします"
        }
        SyntaxFault::NoValue => "「キー = 値」の形で書いてください",
        SyntaxFault::NoComma => "要素と要素の間にコンマを書いてください",
        SyntaxFault::Moment => "2026-11-22T01:00:00+09:00 のように書いてください",
        SyntaxFault::Other => "文字列は引用符で、一覧は [ ] で囲みます。日時は囲まずに書きます",
    }
}

fn value_fault(value: &str, fault: ValueFault) -> String {
    let why = match fault {
        ValueFault::NameCharacters => "は名前に使えません",
        ValueFault::NameReserved => "は別の意味を持つため、名前に使えません",
        ValueFault::Prefix => "はアドレスでもアドレス範囲でもありません",
        ValueFault::PrefixLength => "のプレフィックス長がアドレスに合いません",
        ValueFault::HostBits => "はプレフィックス長より後ろのビットが 0 ではありません",
        ValueFault::Host => "はアドレスでもホスト名でもありません",
        ValueFault::Port => "のポート番号が正しくありません",
        ValueFault::Brackets => "は IPv6 アドレスとポート番号を角括弧なしで並べています",
        ValueFault::UserInAddress => "にユーザー名が含まれています",
        ValueFault::User => "はユーザー名として使えません",
        ValueFault::Domain => "はドメイン名ではありません",
        ValueFault::Duration => "は時間の長さとして読み取れません",
        ValueFault::DurationRange => "は 0 であるか、10 年を超えています",
        ValueFault::NoOffset => "には時差の指定がなく、地域によって異なる時刻になります",
        ValueFault::HalfTime => "には日付と時刻の両方が必要です",
        ValueFault::NoSuchTime => "という日時は存在しません",
        ValueFault::Fingerprint => "はホスト鍵の SHA-256 フィンガープリントではありません",
        ValueFault::Artifact => "は取得ファイルの名前ではありません",
        // The value may be the password itself.
        ValueFault::Variable => return "環境変数の名前ではありません".to_owned(),
        ValueFault::Path => "はパスではありません",
        ValueFault::NoHome => "は ~/ で始まりますが、ホームフォルダーが分かりません",
        ValueFault::Interface => "はインターフェースの名前ではありません",
        ValueFault::Service => "はサービスの指定ではありません",
        ValueFault::Listener => "はポート番号でも「アドレス:ポート番号」でもありません",
        ValueFault::Endpoint => "はゾーン・機器・アドレス範囲・any のいずれでもありません",
        ValueFault::Address => "はアドレスではありません",
        ValueFault::ProbeTarget => "は実地確認の対象として読み取れません",
        ValueFault::Mailbox => "はメールアドレスとして使えません",
    };
    format!("「{value}」{why}")
}

fn mend_value(fault: ValueFault) -> &'static str {
    match fault {
        ValueFault::NameCharacters => {
            "半角の英字・数字・「.」「_」「-」を使い、先頭は英字か数字、長さは 64 文字以内にしてください"
        }
        ValueFault::NameReserved => "別の名前にしてください",
        ValueFault::Prefix => "192.0.2.0/24 や 2001:db8::/32 のように書いてください",
        ValueFault::PrefixLength => "IPv4 は 0 から 32、IPv6 は 0 から 128 の長さを書いてください",
        ValueFault::HostBits => "ネットワークの先頭アドレスを書くか、1 台だけなら長さを省いてください",
        ValueFault::Host => "192.0.2.1:22、[2001:db8::1]:22、fw.city.example.jp:22 のように書いてください",
        ValueFault::Port => "1 から 65535 のポート番号を書いてください",
        ValueFault::Brackets => "[2001:db8::1]:22 のように書いてください",
        ValueFault::UserInAddress => "ユーザー名は別のキーに書いてください: user = \"audit\"",
        ValueFault::User => "空白・「@」・「:」を含まない名前を書いてください",
        ValueFault::Domain => "city.example.jp のように書いてください。日本語ドメインは xn-- の形で書きます",
        ValueFault::Duration => "30s、15m、24h、7d、1h30m のように、数と単位で書いてください",
        ValueFault::DurationRange => "1s から 3660d の長さを書いてください",
        ValueFault::NoOffset => "末尾に時差を書いてください（日本時間は +09:00）",
        ValueFault::HalfTime => "2026-11-22T01:00:00+09:00 のように書いてください",
        ValueFault::NoSuchTime => "日・時刻・時差を見直してください",
        ValueFault::Fingerprint => "ssh-keygen -lf の表示（SHA256: と 43 文字）をそのまま写してください",
        ValueFault::Artifact => {
            "nft.txt、または files/ に機器上のパスを続けて書いてください: files/etc/postfix/main.cf"
        }
        ValueFault::Variable => {
            "FW_PASSWORD のような環境変数の名前を書いてください。パスワードそのものは書かないでください"
        }
        ValueFault::Path => "このファイルからの相対パスか、絶対パスを書いてください",
        ValueFault::NoHome => "パスを省略せずに書いてください",
        ValueFault::Interface => "eth0 や \"eth0.10\" のように、機器での名前をそのまま書いてください",
        ValueFault::Service => "\"tcp 22,8000-8099\"、\"udp 161\"、\"icmp 8\" のように書いてください",
        ValueFault::Address => "198.51.100.77 か 2001:db8::77 のように書いてください",
        ValueFault::ProbeTarget => {
            "\"smtp 203.0.113.10:25,587\" か \"tcp [2001:db8::10]:443\" のように書いてください（ポートは 64 個まで）"
        }
        ValueFault::Mailbox => "info@city.example.jp のように書いてください（引用符、%、! は使えません）",
        ValueFault::Listener => "\"25\"、\"192.0.2.25:25\"、\"[2001:db8::25]:25\" のように書いてください",
        ValueFault::Endpoint => {
            "ゾーン名、機器名、192.0.2.0/24、2001:db8::/32、any のいずれかを書いてください"
        }
    }
}

fn flow_fault(value: &str, fault: FlowFault) -> String {
    let why = match fault {
        FlowFault::Shape => "は通信の書き方になっていません",
        FlowFault::Protocol => "というプロトコルはありません",
        FlowFault::Endpoint => "は通信の送信元・宛先に書けません",
        FlowFault::Prefix => "は長さより後ろのビットが 0 でないか、長さがアドレスに合いません",
        FlowFault::SourcePorts => "は送信元にポート番号を書いています（送信元のポート番号は指定できません）",
        FlowFault::Ports => "はポート番号の一覧として読み取れません",
        FlowFault::PortOrder => "は大きい番号から小さい番号への範囲になっています",
        FlowFault::PortsWithoutProtocol => {
            "でポート番号を指定していますが、このプロトコルにはポート番号がありません"
        }
        FlowFault::Family => "は IPv4 と IPv6 が混ざっており、該当する通信がありません",
    };
    format!("「{value}」{why}")
}

fn mend_flow(fault: FlowFault) -> &'static str {
    match fault {
        FlowFault::Shape => {
            "「プロトコル 送信元 -> 宛先:ポート番号」の形で書いてください。例: tcp internet -> 203.0.113.10:25,587"
        }
        FlowFault::Protocol => "tcp、udp、icmp、icmpv6、any、または 0 から 255 の番号を書いてください",
        FlowFault::Endpoint => {
            "ゾーン名、機器名、192.0.2.0/24、[2001:db8::/32]、any のいずれかを書いてください"
        }
        FlowFault::Prefix => "192.0.2.0/24 のように、先頭アドレスと正しい長さを書いてください",
        FlowFault::SourcePorts => "送信元のポート番号を削除してください",
        FlowFault::Ports => "25,587,8000-8099 のように、0 から 65535 の番号を書いてください",
        FlowFault::PortOrder => "小さい番号を先に書いてください",
        FlowFault::PortsWithoutProtocol => "tcp と udp を 1 行ずつ書くか、ポート番号を削除してください",
        FlowFault::Family => "IPv4 と IPv6 を 1 行ずつに分けて書いてください",
    }
}

fn mend_undeclared(what: Referent, known: &[String]) -> String {
    let title = if what == Referent::Device { "[[device]]" } else { "[[zone]]" };
    match (what, known) {
        (Referent::Platform | Referent::Pack, _) => format!("次のいずれかを書いてください: {}", list(known)),
        (Referent::Hop, _) => "機器として宣言していないホストは user@host:22 の形で書いてください".to_owned(),
        (Referent::Group, []) => "対象の機器に groups = [\"production\"] のように追記してください".to_owned(),
        (Referent::ZoneOrDevice, []) => {
            "ゾーンや機器を宣言した site.toml がありません。アドレス範囲か any を書いてください".to_owned()
        }
        (_, []) => format!("site.toml の {title} で宣言してください"),
        (Referent::Group, _) => {
            format!("次のいずれかにするか、機器の groups に追記してください: {}", list(known))
        }
        (_, _) => format!("次のいずれかにするか、site.toml で宣言してください: {}", list(known)),
    }
}
