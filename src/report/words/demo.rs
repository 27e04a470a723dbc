//! What `demo` says besides what every window says.

use super::phrases::several;
use crate::report::Lang;
use crate::simulate::story::{Basis, Story};

/// What is going to happen, and what it is worth. Ends with an empty line.
pub fn opening(story: &Story, devices: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!(
            "{}\n({} over real SSH on loopback. {})\n\n",
            story.en,
            several(devices, "simulated device"),
            match story.basis {
                Basis::Incident => INCIDENT_EN,
                Basis::Pattern => PATTERN_EN,
                Basis::Harmless => CLEAN_EN,
            }
        ),
        Lang::Ja => format!(
            "{}\n（模擬機器 {devices} 台に、このコンピューター内で実際に SSH 接続します。{}）\n\n",
            story.ja,
            match story.basis {
                Basis::Incident => INCIDENT_JA,
                Basis::Pattern => PATTERN_JA,
                Basis::Harmless => CLEAN_JA,
            }
        ),
    }
}

const INCIDENT_EN: &str = "The exact settings of the incident were never published; this shows its pattern";
const INCIDENT_JA: &str = "実際の事故の設定内容は公表されていません。ここでは同じ型の設定変更を再現します";
const PATTERN_EN: &str = "No single incident: a mistake that is often made in front of a mail server";
const PATTERN_JA: &str = "特定の事故ではなく、メールサーバーの手前の機器で起こりがちな設定の誤りです";
const CLEAN_EN: &str = "No incident: what a harmless change looks like";
const CLEAN_JA: &str = "事故ではなく、問題のない変更の例です";

/// The state before the work.
pub const fn before(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "before",
        Lang::Ja => "作業前",
    }
}

/// A look during the work.
pub const fn during(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "during",
        Lang::Ja => "作業中",
    }
}

/// The state after the work.
pub const fn after(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "after ",
        Lang::Ja => "作業後",
    }
}

/// Devices are captured.
pub fn looked(phase: &str, devices: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{phase} captured {}", several(devices, "device")),
        Lang::Ja => format!("{phase}の状態を {devices} 台から取得"),
    }
}

/// A new host key was compared by somebody and recorded.
pub fn recorded(device: &str, fingerprint: &str, lang: Lang) -> String {
    match lang {
        Lang::En => {
            format!(
                "(the engineer compares the new host key of {device} on its console and records it: {fingerprint})"
            )
        }
        Lang::Ja => {
            format!("（作業者が {device} の新しいホスト鍵を機器の画面で照合し、記録しました: {fingerprint}）")
        }
    }
}

/// Where the evidence was kept, and what to do with it.
pub fn kept(command: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("evidence kept; judge it again: {command}"),
        Lang::Ja => format!("証拠を保存しました。再判定: {command}"),
    }
}

/// A declaration that is not the demo's lies where its own would be kept.
pub fn occupied(path: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{path} is there already and is not this demo's; give --store another folder"),
        Lang::Ja => format!(
            "{path} が既にあり、このデモのファイルではありません。--store に別のフォルダーを指定してください"
        ),
    }
}
