//! What `rollback` says; its lines are comments of a shell script, so that the whole can be read, edited and run.

use crate::report::Lang;

/// The first line.
pub const fn head(lang: Lang) -> &'static str {
    match lang {
        Lang::En => {
            "# Nothing was changed. Read these commands, then run them yourself; closing a rule does not end sessions."
        }
        Lang::Ja => {
            "# まだ何も変更していません。内容を確認してから実行してください。規則を閉じても、確立済みの通信は切れません。"
        }
    }
}

/// A device without a difference that a command mends.
pub const fn nothing(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "# nothing to restore",
        Lang::Ja => "# 元に戻すものはありません",
    }
}

/// Something that differs and that no command puts back.
pub fn by_hand(artifact: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("# differs and is not restored by a command: {artifact}"),
        Lang::Ja => format!("# 変わっていますが、コマンドでは戻せません: {artifact}"),
    }
}

/// A file whose secrets were never stored.
pub fn hidden(artifact: &str, file: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("# holds secrets that were never stored; edit by hand after {file}: {artifact}"),
        Lang::Ja => {
            format!("# 秘密情報は保存していないため、{file} を参考に手作業で直してください: {artifact}")
        }
    }
}

/// A device that the state before does not hold.
pub fn no_device(device: &str, known: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("the state before holds no device {device}; it holds {known}"),
        Lang::Ja => format!("作業前の状態に機器 {device} はありません。あるのは {known} です"),
    }
}
