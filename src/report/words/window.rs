//! What is said while a window is open: openings, closings, blind devices, beginning and end.

use super::phrases::several;
use crate::report::Lang;

/// Something became possible.
pub fn opened(what: &str, example: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("OPENED {what}   {example}"),
        Lang::Ja => format!("開放 OPENED {what}   {example}"),
    }
}

/// Something is no longer possible. Sessions that it admitted may live on (conntrack; a queue that is being sent).
pub fn closed(what: &str, least: &str, most: &str, since: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!(
            "CLOSED {what}   no longer so; open at least {least}, at most {most}; the verdict stays: read the logs from {since}, \
             end sessions that it let in"
        ),
        Lang::Ja => format!(
            "閉鎖 CLOSED {what}   この状態は解消しました。少なくとも{least}、最長{most}開いていました。判定は変わりません。{since} 以降のログを確認し、\
             その間に確立した通信を切断してください"
        ),
    }
}

/// A device that cannot be looked at.
pub fn blind(device: &str, why: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("BLIND  {device} cannot be seen whole: {why}"),
        Lang::Ja => format!("確認不能 BLIND {device} の状態を完全には取得できません: {why}"),
    }
}

/// A device that can be looked at again.
pub fn back(device: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("BACK   {device} can be seen again"),
        Lang::Ja => format!("回復 BACK {device} の状態を再び取得できました"),
    }
}

/// The state before the work was captured.
pub fn captured_before(complete: usize, all: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("before: {complete} of {all} devices complete"),
        Lang::Ja => format!("作業前: {all} 台中 {complete} 台を取得完了"),
    }
}

/// The state before the work lies in the store already.
pub fn known_before(folder: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("before: {folder}"),
        Lang::Ja => format!("作業前: {folder}"),
    }
}

/// Looking begins.
pub fn watching(devices: usize, interval: &str, until: Option<&str>, lang: Lang) -> String {
    match (lang, until) {
        (Lang::En, Some(until)) => {
            format!(
                "watching {} every {interval} until {until}; Ctrl-C ends the watch and judges",
                several(devices, "device")
            )
        }
        (Lang::En, None) => {
            let devices = several(devices, "device");
            format!("watching {devices} every {interval}; Ctrl-C ends the watch and judges")
        }
        (Lang::Ja, Some(until)) => {
            format!("{devices} 台を{interval}間隔で {until} まで監視します。Ctrl-C で監視を終えて判定します")
        }
        (Lang::Ja, None) => {
            format!("{devices} 台を{interval}間隔で監視します。Ctrl-C で監視を終えて判定します")
        }
    }
}

/// The window is over before the watch begins.
pub fn window_over(end: &str, lang: Lang) -> String {
    match lang {
        Lang::En => {
            format!("the window ended at {end}; looking once more and judging. --for lengthens the watch")
        }
        Lang::Ja => format!(
            "作業時間帯は {end} に終わっています。もう一度だけ取得して判定します。--for で延長できます"
        ),
    }
}

/// A look that could not be stored.
pub fn lost_look(problem: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("this look is lost: {problem}"),
        Lang::Ja => format!("この回の取得結果を保存できませんでした: {problem}"),
    }
}
