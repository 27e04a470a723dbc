//! What `guard` says.

use crate::report::Lang;

/// The state before is there.
pub const fn before(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "before: captured; the work may begin",
        Lang::Ja => "作業前の状態を取得しました。作業を始められます",
    }
}

/// The state before is not there, or not whole.
pub fn no_before(why: &str, lang: Lang) -> String {
    let why = if why.is_empty() { String::new() } else { format!("{why}\n") };
    match lang {
        Lang::En => format!(
            "{why}The state before was not captured whole. The work goes on; the answer at its end cannot be better than UNDECIDED."
        ),
        Lang::Ja => format!(
            "{why}作業前の状態を完全には取得できませんでした。作業はそのまま続けます。終了時の判定は、良くても「判定不能」になります。"
        ),
    }
}

/// The time limit.
pub fn took_longer(seconds: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("It took longer than {seconds} s."),
        Lang::Ja => format!("{seconds} 秒以内に終わりませんでした。"),
    }
}

/// Called off before the command ran.
pub const fn called_off(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "called off before the command was run; nothing was changed",
        Lang::Ja => "コマンドの実行前に中止しました。何も変更していません",
    }
}

/// Called off before the verdict.
pub const fn not_judged(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "called off before the verdict; the work is done and was not judged",
        Lang::Ja => "判定前に中止しました。作業は終わっていますが、判定していません",
    }
}

/// The work is done, and its evidence could not be kept.
pub fn not_kept(why: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("UNDECIDED  the work is done and could not be judged: {why}"),
        Lang::Ja => format!("判定不能 UNDECIDED  作業は終わっていますが、判定できません（{why}）"),
    }
}

/// No command: somebody says when the work is done.
pub const fn press_enter(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "Do the work now. Press Enter when it is done.",
        Lang::Ja => "作業を行ってください。終わったら Enter キーを押してください。",
    }
}

/// How a command ended: its exit code, or what the system says.
pub fn status(code: Option<i32>, otherwise: &str, lang: Lang) -> String {
    match (lang, code) {
        (Lang::En, Some(code)) => format!("exit code {code}"),
        (Lang::Ja, Some(code)) => format!("終了コード {code}"),
        (Lang::En, None) => otherwise.to_owned(),
        (Lang::Ja, None) => match otherwise.strip_prefix("signal: ") {
            Some(signal) => format!("シグナル {signal} による終了"),
            None => otherwise.to_owned(),
        },
    }
}

/// The command is done.
pub fn ended(status: &str, took: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("the command ended after {took}: {status}"),
        Lang::Ja => format!("コマンドは{took}で終了しました（{status}）"),
    }
}

/// The work is done.
pub fn over(took: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("the work ended after {took}"),
        Lang::Ja => format!("作業は{took}で終わりました"),
    }
}

/// The command cannot be started.
pub fn not_started(program: &str, error: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("cannot run {program}: {error}; nothing was changed"),
        Lang::Ja => format!("{program} を実行できません（{error}）。何も変更していません"),
    }
}

/// A host that cannot be one.
pub fn no_host(host: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{host} is no USER@HOST[:PORT] and no device of site.toml"),
        Lang::Ja => format!("{host} は USER@HOST[:PORT] の形でも site.toml の機器名でもありません"),
    }
}
