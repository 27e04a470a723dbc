//! Japanese.

use crate::reason::{Break, Reason};

pub(super) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::ArtifactMissing { artifact } => format!("{artifact} がありません"),
        Reason::ArtifactUnproven { artifact, expected } => {
            format!("{artifact} が途中で切れているおそれがあります（{expected} が見当たりません）")
        }
        Reason::ListingsContradict { artifact, other } => {
            format!("{artifact} と {other} の内容が食い違っています")
        }
        Reason::ArtifactUnreadable { artifact, problem } => {
            format!("{artifact} を読み取れません（{problem}）")
        }
        Reason::CommandFailed { command, status } => format!("{command} が失敗しました（{status}）"),
        Reason::CommandHung { command, seconds } => format!("{command} が {seconds} 秒間応答しませんでした"),
        Reason::ArtifactTooLarge { artifact, limit } => {
            format!("{artifact} が上限の {limit} バイトを超えています")
        }
        Reason::AnswerBroken { artifact, by } => {
            format!("{artifact} を完全に受け取れませんでした（{}）", broken(by))
        }
        Reason::NotAsked { artifact } => format!("{artifact} の取得を取りやめました"),
        Reason::Unreachable { address, problem } => format!("{address} に接続できません（{problem}）"),
        Reason::TimedOut { address, phase, seconds } => {
            format!("{address} の{}が {seconds} 秒以内に終わりませんでした", part(phase))
        }
        Reason::NotSsh { address, problem } => format!("{address} は正しい SSH で応答しません（{problem}）"),
        Reason::NoCommonAlgorithm { address, kind, theirs } => format!(
            "{address} には安全に使える方式（{kind}）がありません（機器側の方式: {}）。古い方式は、site.toml の algorithms で機器ごとに許可できます",
            theirs.join(", ")
        ),
        Reason::ConnectionLost { address, phase, problem } => {
            format!("{address} との接続が{}の途中で切れました（{problem}）", part(phase))
        }
        Reason::Flooded { address, limit } => {
            format!("{address} から上限の {limit} バイトを超えるデータが送られました")
        }
        Reason::ExecRefused { address } => {
            format!("{address} では SSH によるコマンドの実行が許可されていません")
        }
        Reason::NoShell { address } => {
            format!("{address} のログインシェルでは POSIX のスクリプトを実行できません")
        }
        Reason::NoPrompt { address } => {
            format!("{address} のコマンド入力待ち（プロンプト）を確認できません")
        }
        Reason::NoPrivilege { address, command } => format!(
            "{address} の {command} にはパスワードが必要ですが、指定されていません（site.toml の enable_env、--enable-env、--ask-enable のいずれかで指定してください）"
        ),
        Reason::PrivilegeRefused { address, command } => {
            format!("{address} が {command} を拒否しました。再試行はしていません")
        }
        Reason::NoCredential { address, user, problems } => {
            format!("{address} に利用者 {user} でログインする手段がありません（{}）", problems.join("、"))
        }
        Reason::TooManyQuestions { asked } => {
            format!("確認すべき項目が増え続けたため、{asked} 件で打ち切りました")
        }
        Reason::HostKeyChanged { address, presented, expected, .. } => format!(
            "{address} のホスト鍵が記録と異なります（提示: {presented}、記録: {}）。認証情報は送っていません",
            listed(expected)
        ),
        Reason::HostKeyTypeNew { address, presented, expected, .. } => format!(
            "{address} のホスト鍵は、記録にない種類です（提示: {presented}、記録: {}）。認証情報は送っていません",
            listed(expected)
        ),
        Reason::HostKeyRevoked { address, presented, .. } => {
            format!("{address} のホスト鍵は失効しています（{presented}）。認証情報は送っていません")
        }
        Reason::HostKeyUnknown { address, presented, .. } => format!(
            "{address} のホスト鍵が記録されていません（{presented}）。認証情報は送っていません。機器側で照合し、known_hosts に記録してください"
        ),
        Reason::LoginRefused { address, user, .. } => {
            format!("{address} が利用者 {user} のログインを拒否しました")
        }
        Reason::DeviceFailed { problem } => format!("機器の設定を取得できませんでした（{problem}）"),
        Reason::NotCaptured { state } => match state.as_str() {
            "before" => "作業前の状態に、この機器が含まれていません".to_owned(),
            "after" => "作業後の状態に、この機器が含まれていません".to_owned(),
            other => format!("{other} に、この機器が含まれていません"),
        },
        Reason::NeverSeen { looks } => {
            format!("作業中の {looks} 回の監視で、この機器の状態を一度も完全には取得できませんでした")
        }
        Reason::PlatformOnce { platform, state } => {
            let state = if state == "before" { "作業前" } else { "作業後" };
            format!("{state}の状態にだけ {platform} の設定がありません。前後とも同じ範囲を取得してください")
        }
        Reason::NotFollowed { path } => {
            format!("{path} はリンクのため読み取りません。実体のファイルを置いてください")
        }
        Reason::ReadByNone { artifact } => {
            format!("{artifact} が変わっていますが、この機器の種別（宣言または推定）では読み取れません")
        }
        Reason::PlatformUnknown => {
            "読み取れる種類の設定が見当たりません。site.toml に機器の種類を記載してください".to_owned()
        }
        Reason::NothingToCheck => {
            "確認する対象がまだありません。site.toml に機器を記載し、sekisho capture --phase before を実行してください".to_owned()
        }
        Reason::NoRules => "規則が読み込まれていません".to_owned(),
        Reason::NoBefore => {
            "作業前の状態がないため、何が変わったか分かりません。次回は作業前に sekisho capture --phase before を実行してください".to_owned()
        }
        Reason::Unread { text } => format!("解釈できない記述があります: {text}"),
        Reason::RunTime { text } => format!("その時々の状態によって変わります: {text}"),
        Reason::NotModelled { text } => format!("通信のうち確認の対象外の部分を見る条件です: {text}"),
        Reason::ContentsUnknown { name } => format!("{name} の内容が証拠に含まれていません"),
        Reason::OutsideService { name } => format!("{name} の判断によりますが、証拠に含まれていません"),
        Reason::Dns { name } => format!("{name} は DNS の内容によって変わります"),
        Reason::HostFactMissing { fact } => format!("証拠に含まれていません: {fact}"),
        Reason::Contradiction { what, first, second } => {
            format!("{what} について、{first} と {second} の内容が食い違っています")
        }
        Reason::TooComplex { subject } => {
            let subject = if subject == "packet filter" { "通信の規則" } else { subject };
            format!("{subject}が複雑すぎて判断できません")
        }
    }
}

fn part(phase: &str) -> &str {
    match phase {
        "connect" => "接続",
        "handshake" => "鍵交換",
        "login" => "ログイン",
        _ => "通信",
    }
}

fn listed<T: ToString>(keys: &[T]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join("、")
}

fn broken(by: &Break) -> String {
    match by {
        Break::StrayOutput => "応答の間に余分な出力が混じっています".to_owned(),
        Break::CutOff => "途中で切れました".to_owned(),
        Break::NoExitStatus => "終了状態がありません".to_owned(),
        Break::NoEndOfFile => "終端がありません".to_owned(),
        Break::NoEnd => "終わりませんでした".to_owned(),
        Break::Signal { name } => format!("シグナル {name} で終了しました"),
        Break::Status { status } => format!("終了状態 {status} で終わりました"),
        Break::Lost => "接続が失われました".to_owned(),
        Break::Size { announced, received } => {
            format!("{announced} バイトのうち {received} バイトしか届きませんでした")
        }
        Break::NotRegular => "通常のファイルではありません".to_owned(),
        Break::NoPermission => "途中のフォルダーを調べる権限がありません".to_owned(),
        Break::Wrapped { columns } => {
            format!("{columns} 桁で折り返された行があり、次の行がその続きかどうか判別できません")
        }
        Break::Unstable => "終わりを示す印がなく、続けて取得した内容が一致しません".to_owned(),
        Break::Unaskable => "取得を依頼できない名前です".to_owned(),
    }
}
