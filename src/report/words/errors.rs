//! Why something could not be read or written: evidence, declarations of hosts, queries. What the system or a library
//! says of it stands inside as it says it.

use std::path::Path;

use crate::capture::known_hosts::{self, KnownHostsError};
use crate::evidence::folder::{self, FolderError};
use crate::evidence::git::{self, GitError};
use crate::evidence::store::{ChangeIdFault, KeyFault, Tampering};
use crate::evidence::{StateError, StoreError};
use crate::report::Lang;
use crate::report::text::escape;

/// A state could not be read.
pub fn state(error: &StateError, lang: Lang) -> String {
    match (lang, error) {
        (_, StateError::Store(error)) => store(error, lang),
        (Lang::En, _) => error.to_string(),
        (Lang::Ja, StateError::Folder(error)) => folder(error),
        (Lang::Ja, StateError::Git(error)) => git(error),
        (Lang::Ja, StateError::NoFolder(folder)) => format!(
            "{} というフォルダーはありません。取得済みの状態、機器ごとのフォルダーを収めたフォルダー、git:リビジョン、変更番号:before などを指定してください",
            folder.display()
        ),
        (Lang::Ja, StateError::NoDevices(folder)) => format!(
            "{} に、読み取れる機器の設定がありません。機器 1 台分のフォルダーなら --platform で種類を指定してください",
            folder.display()
        ),
    }
}

/// The store cannot do what is asked of it.
pub fn store(error: &StoreError, lang: Lang) -> String {
    if lang == Lang::En {
        return error.to_string();
    }
    match error {
        StoreError::Tampered { snapshot, file, problem } => {
            format!("{} は改ざんされています。{file}: {}", snapshot.display(), tampering(problem))
        }
        StoreError::Schema { path, found, known } => format!(
            "{} は形式の版 {found} で書かれています。この版で読めるのは {known} までです。書いたときの版の sekisho を使ってください",
            path.display()
        ),
        StoreError::NoSnapshot { change, phase } => format!(
            "{change} の {phase} の状態がありません。sekisho capture --phase {phase} で取得してください"
        ),
        StoreError::NoChange { change, store } => {
            format!("{} に変更 {change} の記録がありません", store.display())
        }
        StoreError::ChangeId { id, problem } => {
            format!("{id:?} は変更番号に使えません。{}", change_id(*problem))
        }
        StoreError::DuplicateDevice(name) => {
            format!("機器 {name:?} が一度の取得に 2 回現れています。機器ごとに別の名前を付けてください")
        }
        StoreError::Busy { change } => format!(
            "{} には別の sekisho が書き込んでいます。終わるのを待つか、別の保存先を指定してください",
            change.display()
        ),
        StoreError::Full { path } => format!(
            "{} を書き込む空き容量がありません。容量を空けるか、--store で別の保存先を指定してください",
            path.display()
        ),
        StoreError::ReadOnly { path, source } => format!(
            "{} に書き込めません（{source}）。権限を見直すか、--store で別の保存先を指定してください",
            path.display()
        ),
        StoreError::Key { path, problem } => {
            format!("秘密情報を伏せるための鍵 {} {}", path.display(), key(*problem))
        }
        StoreError::Incomplete(name) => {
            format!(
                "機器 {name:?} を書き込めなかったため、今回の取得を破棄しました。もう一度取得してください"
            )
        }
        StoreError::Finished => "この取得はすでに終わっています".to_owned(),
        StoreError::Io { path, source } => format!("{}: {source}", path.display()),
    }
}

fn tampering(problem: &Tampering) -> String {
    match problem {
        Tampering::Missing => "あるはずのファイルがありません".to_owned(),
        Tampering::Extra => "取得時にはなかったものです".to_owned(),
        Tampering::Kind => "取得時とは別のもの（リンクやフォルダーなど）に置き換わっています".to_owned(),
        Tampering::Content { recorded, sha256 } => {
            format!("内容が記録と異なります（記録: {recorded} バイト、sha256 {sha256}）")
        }
        Tampering::Manifest(problem) => format!("読み取れません（{problem}）"),
        Tampering::Misplaced(owner) => format!("{owner} のものと記されています"),
        Tampering::Chain => {
            "これより前の記録とのつながりが切れています（取得した状態の欠落、差し替え、または移動）"
                .to_owned()
        }
    }
}

const fn change_id(problem: ChangeIdFault) -> &'static str {
    match problem {
        ChangeIdFault::Empty => "空です",
        ChangeIdFault::TooLong => "128 バイトを超えています",
        ChangeIdFault::Characters => "使えるのは文字、数字と ._-+@ だけです",
        ChangeIdFault::Dot => "先頭と末尾にピリオドは使えません",
        ChangeIdFault::Reserved => "予約された名前です",
    }
}

const fn key(problem: KeyFault) -> &'static str {
    match problem {
        KeyFault::Readable => {
            "を他の利用者が読めます。chmod 600 で保護し、すでに読まれたおそれがあれば秘密情報を変更してください"
        }
        KeyFault::Damaged => {
            "が壊れています。元に戻すか、削除してください（削除すると、以前の秘密情報とは照合できなくなります）"
        }
    }
}

fn folder(error: &FolderError) -> String {
    match error {
        FolderError::Io { path, source } => format!("{} を読み取れません（{source}）", path.display()),
        FolderError::TooLarge { path } => {
            format!(
                "{} が大きすぎます（上限 {} バイト）。設定ファイルですか",
                path.display(),
                folder::MAX_FILE
            )
        }
        FolderError::DeviceFile { path, problem } => format!("{}: {problem}", path.display()),
        FolderError::TooDeep { path } => {
            format!("{} のフォルダーの階層が深すぎます（上限 {}）", path.display(), folder::MAX_DEPTH)
        }
    }
}

fn git(error: &GitError) -> String {
    match error {
        GitError::Missing(error) => {
            format!("git を実行できません（{error}）。git:リビジョン の指定には git が必要です")
        }
        GitError::Refused(message) => format!("git: {message}"),
        GitError::TooMany(revision) => {
            format!("リビジョン {revision} のファイルが多すぎます（上限 {}）", git::MAX_FILES)
        }
        GitError::NoFile(file) => format!("このリビジョンに {file} はありません"),
        GitError::TooLarge(file) => {
            format!("{file} が大きすぎます（上限 {} バイト）。設定ファイルですか", git::MAX_FILE)
        }
    }
}

/// A known_hosts file could not be used.
pub fn known_hosts(error: &KnownHostsError, lang: Lang) -> String {
    match (lang, error) {
        (Lang::En, _) => error.to_string(),
        (Lang::Ja, KnownHostsError::Io { path, source }) => {
            format!("known_hosts ファイル {} を使えません（{source}）", path.display())
        }
        (Lang::Ja, KnownHostsError::TooLarge { path }) => format!(
            "{} が大きすぎます（上限 {} バイト）。正しい known_hosts ファイルを指定してください",
            path.display(),
            known_hosts::MAX_FILE
        ),
        (Lang::Ja, KnownHostsError::Key(problem)) => format!("ホスト鍵を記録できません（{problem}）"),
    }
}

/// A file that the user named cannot be read.
pub fn cannot_read(path: &Path, error: &std::io::Error, lang: Lang) -> String {
    match lang {
        Lang::En => format!("cannot read {}: {error}", path.display()),
        Lang::Ja => format!("{} を読み取れません（{error}）", path.display()),
    }
}

/// A file cannot be written.
pub fn cannot_write(path: &Path, error: &std::io::Error, lang: Lang) -> String {
    match lang {
        Lang::En => format!("cannot write {}: {error}", path.display()),
        Lang::Ja => format!("{} に書き込めません（{error}）", path.display()),
    }
}

/// The answer cannot be written.
pub fn cannot_answer(error: &std::io::Error, lang: Lang) -> String {
    match lang {
        Lang::En => format!("cannot write the answer: {error}"),
        Lang::Ja => format!("結果を書き出せません（{error}）"),
    }
}

/// A platform that nobody knows.
pub fn unknown_platform(name: &str, known: &[&str], near: Option<&str>, lang: Lang) -> String {
    let known = known.join(", ");
    match (lang, near) {
        (Lang::En, Some(near)) => {
            format!("unknown platform {name:?}: use one of {known}; did you mean {near}?")
        }
        (Lang::En, None) => format!("unknown platform {name:?}: use one of {known}"),
        (Lang::Ja, Some(near)) => {
            format!("{name:?} という種類はありません。使えるのは {known} です。{near} のことですか")
        }
        (Lang::Ja, None) => format!("{name:?} という種類はありません。使えるのは {known} です"),
    }
}

/// `--output` with a word that is no format.
pub fn no_format(word: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("--output: {word:?} is no format; use table or json"),
        Lang::Ja => format!("--output: {word:?} という形式はありません。table か json を指定してください"),
    }
}

/// `--output` twice to standard output.
pub const fn one_output(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "--output: only one result can go to standard output",
        Lang::Ja => "--output: 標準出力に出せる結果は 1 つだけです",
    }
}

/// A list is to be judged alone, and a state or device has none of that name.
pub fn no_such_list(name: &str, state: Option<&str>, lang: Lang) -> String {
    let (name, place) = (escape(name), state.map(escape).unwrap_or_default());
    match (lang, state) {
        (Lang::En, Some(_)) => format!("{place}: there is no access list {name}"),
        (Lang::En, None) => format!("there is no access list {name}"),
        (Lang::Ja, Some(_)) => format!("{place}: アクセスリスト {name} はありません"),
        (Lang::Ja, None) => format!("アクセスリスト {name} はありません"),
    }
}

/// A packet is asked about where packets are not filtered.
pub const fn filters_nothing(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "this platform filters no packets",
        Lang::Ja => "この種類の機器は通信を制御していません",
    }
}

/// More interfaces than can be told apart.
pub const fn too_many_interfaces(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "too many interfaces",
        Lang::Ja => "インターフェースが多すぎます",
    }
}

/// A state before without one after.
pub const fn only_before(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "--before names the state before the work; give the one after it too, with --after",
        Lang::Ja => "--before で作業前の状態が指定されています。作業後の状態も --after で指定してください",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::path::PathBuf;

    fn refusal() -> io::Error {
        io::Error::other("refused")
    }

    fn stores() -> Vec<StoreError> {
        let path = || PathBuf::from("x");
        let faults = [
            Tampering::Missing,
            Tampering::Extra,
            Tampering::Kind,
            Tampering::Content { recorded: 1, sha256: "0".to_owned() },
            Tampering::Manifest("y".to_owned()),
            Tampering::Misplaced("y".to_owned()),
            Tampering::Chain,
        ];
        let tampered =
            faults.map(|problem| StoreError::Tampered { snapshot: path(), file: "f".to_owned(), problem });
        use ChangeIdFault as F;
        let ids = [F::Empty, F::TooLong, F::Characters, F::Dot, F::Reserved];
        let ids = ids.map(|problem| StoreError::ChangeId { id: "c".to_owned(), problem });
        let keys = [KeyFault::Readable, KeyFault::Damaged];
        let keys = keys.map(|problem| StoreError::Key { path: path(), problem });
        let others = [
            StoreError::Schema { path: path(), found: 2, known: 1 },
            StoreError::NoSnapshot { change: "c".to_owned(), phase: crate::evidence::Phase::Before },
            StoreError::NoChange { change: "c".to_owned(), store: path() },
            StoreError::DuplicateDevice("d".to_owned()),
            StoreError::Busy { change: path() },
            StoreError::Full { path: path() },
            StoreError::ReadOnly { path: path(), source: refusal() },
            StoreError::Incomplete("d".to_owned()),
            StoreError::Finished,
        ];
        tampered.into_iter().chain(ids).chain(keys).chain(others).collect()
    }

    fn states() -> Vec<StateError> {
        let path = || PathBuf::from("x");
        let folders = [
            FolderError::Io { path: path(), source: refusal() },
            FolderError::TooLarge { path: path() },
            FolderError::TooDeep { path: path() },
        ];
        let gits = [
            GitError::Missing(refusal()),
            GitError::TooMany("r".to_owned()),
            GitError::NoFile("f".to_owned()),
            GitError::TooLarge("f".to_owned()),
        ];
        let others = [StateError::NoFolder(path()), StateError::NoDevices(path())];
        let of_store = stores().into_iter().map(StateError::Store);
        let of_folder = folders.into_iter().map(StateError::Folder);
        of_store.chain(of_folder).chain(gits.into_iter().map(StateError::Git)).chain(others).collect()
    }

    #[test]
    fn every_error_has_words_of_its_own_in_both_languages() {
        let hosts = [
            KnownHostsError::Io { path: PathBuf::from("x"), source: refusal() },
            KnownHostsError::TooLarge { path: PathBuf::from("x") },
            KnownHostsError::Key("k".to_owned()),
        ];
        for lang in [Lang::En, Lang::Ja] {
            let said = states().iter().map(|error| state(error, lang)).collect::<Vec<_>>();
            let hosts = hosts.iter().map(|error| known_hosts(error, lang));
            let said: Vec<String> = said.into_iter().chain(hosts).collect();
            for (i, one) in said.iter().enumerate() {
                assert!(!said.iter().take(i).any(|other| other == one), "{one}");
                let japanese = one.chars().any(|c| ('\u{3041}'..='\u{30ff}').contains(&c));
                assert_eq!(japanese, lang == Lang::Ja, "{one}");
            }
        }
    }
}
