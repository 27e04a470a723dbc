//! What is said about connecting and capturing: prompts, what keeps a device from being a target, what came of it.

use super::phrases::several;
use crate::report::Lang;

/// How a secret that was typed is called in errors.
pub const PROMPT: &str = "the terminal";

/// Asks for the login password.
pub const fn password(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "Login password: ",
        Lang::Ja => "ログインパスワード: ",
    }
}

/// Asks for the password of `enable`.
pub const fn enable(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "Password of enable (or administrator): ",
        Lang::Ja => "enable（または administrator）のパスワード: ",
    }
}

/// Asks for a key's passphrase.
pub fn passphrase(file: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("Passphrase for {file}: "),
        Lang::Ja => format!("鍵ファイル {file} のパスフレーズ: "),
    }
}

/// There is no terminal to type on.
pub fn no_prompt(error: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!(
            "cannot ask for a password ({error}); run it on a terminal, or name an environment variable with password_env"
        ),
        Lang::Ja => format!(
            "パスワードの入力を求められません（{error}）。端末で実行するか、password_env で環境変数を指定してください"
        ),
    }
}

/// A device that is not reached over SSH.
pub fn no_address(device: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("device {device} has no address; add address = \"HOST:22\" to it in site.toml"),
        Lang::Ja => format!(
            "機器 {device} に address がありません。site.toml に address = \"ホスト:22\" を書いてください"
        ),
    }
}

/// A device whose way leads through itself.
pub fn hop_circle(device: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("the way to device {device} leads in a circle; mend jump in site.toml"),
        Lang::Ja => format!("機器 {device} への経路が循環しています。site.toml の jump を直してください"),
    }
}

/// No login name anywhere.
pub const fn no_user(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "no login name: write user@host, or user = \"...\" in site.toml",
        Lang::Ja => {
            "ログイン名が分かりません。user@host の形で書くか、site.toml に user = \"...\" を書いてください"
        }
    }
}

/// Nobody said which change this is.
pub const fn no_change(lang: Lang) -> &'static str {
    match lang {
        Lang::En => {
            "which change is this? write a change.toml beside site.toml (see change.example.toml), or give --id NAME"
        }
        Lang::Ja => {
            "どの変更作業かが分かりません。site.toml と同じ場所に change.toml を置くか（change.example.toml を参照）、--id 名前 を指定してください"
        }
    }
}

/// A device that is not declared.
pub fn no_device(name: &str, near: Option<&str>, lang: Lang) -> String {
    match (lang, near) {
        (Lang::En, Some(near)) => format!("site.toml declares no device {name:?}; did you mean {near}?"),
        (Lang::En, None) => format!("site.toml declares no device {name:?}"),
        (Lang::Ja, Some(near)) => format!("site.toml に機器 {name:?} はありません。{near} のことですか"),
        (Lang::Ja, None) => format!("site.toml に機器 {name:?} はありません"),
    }
}

/// Nothing to capture.
pub const fn no_devices(site: bool, lang: Lang) -> &'static str {
    match (lang, site) {
        (Lang::En, true) => "site.toml declares no device with an address; add [[device]] entries",
        (Lang::En, false) => {
            "there is no site.toml here; run `sekisho init`, or guard a single host: sekisho guard user@host -- COMMAND"
        }
        (Lang::Ja, true) => "site.toml に address のある機器がありません。[[device]] を書き加えてください",
        (Lang::Ja, false) => {
            "site.toml がありません。sekisho init で作るか、1 台だけなら sekisho guard user@host -- コマンド を使ってください"
        }
    }
}

/// One device.
pub fn device(
    name: &str,
    complete: bool,
    artifacts: usize,
    bytes: u64,
    key: Option<&str>,
    lang: Lang,
) -> String {
    let state = state(complete, lang);
    let kib = bytes.div_ceil(1024);
    match (lang, key) {
        (Lang::En, Some(key)) => {
            format!("{name}: {state}, {}, {kib} KiB, host key {key}", several(artifacts, "artifact"))
        }
        (Lang::En, None) => format!("{name}: {state}, {}, {kib} KiB", several(artifacts, "artifact")),
        (Lang::Ja, Some(key)) => format!("{name}: {state}、{artifacts} 項目、{kib} KiB、ホスト鍵 {key}"),
        (Lang::Ja, None) => format!("{name}: {state}、{artifacts} 項目、{kib} KiB"),
    }
}

/// Whether everything came.
pub const fn state(complete: bool, lang: Lang) -> &'static str {
    match (lang, complete) {
        (Lang::En, true) => "complete",
        (Lang::En, false) => "INCOMPLETE",
        (Lang::Ja, true) => "取得完了",
        (Lang::Ja, false) => "取得不完全",
    }
}

/// Heads of the table.
pub const fn columns(lang: Lang) -> [&'static str; 4] {
    match lang {
        Lang::En => ["device", "state", "artifacts", "what failed"],
        Lang::Ja => ["機器", "状態", "項目数", "失敗した内容"],
    }
}

/// Failures that are not told each.
pub fn more(count: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("and {count} more; all stand in manifest.json"),
        Lang::Ja => format!("ほか {count} 件（すべて manifest.json に記録）"),
    }
}

/// Where the evidence lies.
pub fn stored(complete: usize, all: usize, folder: &str, digest: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{complete} of {all} devices complete; stored in {folder}, sha256 {digest}"),
        Lang::Ja => format!("{all} 台中 {complete} 台を取得完了。保存先 {folder}、sha256 {digest}"),
    }
}
