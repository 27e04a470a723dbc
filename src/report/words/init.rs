//! What `init` says.

use crate::report::Lang;
use crate::site::init::Outcome;

/// One line for a file.
pub fn file(outcome: Outcome, path: &str, lang: Lang) -> String {
    match (lang, outcome) {
        (Lang::En, Outcome::Written) => format!("wrote  {path}"),
        (Lang::En, Outcome::Kept) => format!("kept   {path} (was there already)"),
        (Lang::Ja, Outcome::Written) => format!("作成      {path}"),
        (Lang::Ja, Outcome::Kept) => format!("変更なし  {path}（すでにあります）"),
    }
}

/// What to do next.
pub fn next(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "next: declare your devices in site.toml, then run sekisho capture --phase before",
        Lang::Ja => "次の手順: site.toml に機器を書き、sekisho capture --phase before を実行してください",
    }
}

/// A file that could not be written.
pub fn failed(path: &str, error: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("cannot write {path}: {error}; check the folder and your rights there"),
        Lang::Ja => format!("{path} に書き込めません（{error}）。フォルダーと書き込み権限を確認してください"),
    }
}
