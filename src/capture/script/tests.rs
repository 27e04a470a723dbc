//! The script against real shells, and its reading back.

use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::capture::frame::{Answer, FrameReader};

const LIMIT: u64 = 100_000;

fn questions(asks: &[How]) -> Vec<Question> {
    let question = |(number, how): (usize, &How)| Question {
        number,
        artifact: format!("it's !{number}"),
        how: how.clone(),
    };
    asks.iter().enumerate().map(question).collect()
}

fn script(asks: &[How]) -> Script {
    Script { mark: Mark::new([0xa5; 16]), limit: LIMIT, seconds: 60, questions: questions(asks) }
}

fn command(text: &str) -> How {
    How::Command(text.to_owned())
}

/// Runs the request as a login shell would, and reads the frames.
fn run(shell: &[&str], script: &Script) -> Vec<Answer> {
    let (program, arguments) = shell.split_first().unwrap();
    let output = Command::new(program)
        .args(arguments)
        .arg("-c")
        .arg(script.request())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{shell:?}: {}", String::from_utf8_lossy(&output.stderr));
    let mut reader = FrameReader::new(&script.mark, 0..script.questions.len(), 1 << 20);
    reader.push(&output.stdout).unwrap();
    assert!(reader.is_over(), "{shell:?}: {}", String::from_utf8_lossy(&output.stdout));
    reader.take_answers()
}

fn there(program: &str) -> bool {
    let found = Command::new(program).arg("-c").arg("exit 0").stdin(Stdio::null()).output().is_ok();
    if !found {
        println!("SKIPPED: {program} is not installed (Debian package of that name)");
    }
    found
}

#[test]
fn every_login_shell_reads_the_same_script() {
    let asks = [
        command(r#"printf '%s\n' "it's" '!!' 'a\\b' "\$HOME" '~' '{a,b}' '*' '`x`' '$(x)' '%d' '^a^b'"#),
        command("printf a; # comment\nprintf 'b\\n'\nif true\nthen printf 'c!'; fi"),
        command("cd /; exit 3"),
        command("printf 'x\\000y\\001\\377'; exit 66"),
        command("echo $LC_ALL; case $PATH in /usr/sbin:*) echo ok;; esac"),
        command("cat; kill -9 $$"),
        command("syntax ( error"),
    ];
    let expected: [(&[u8], Option<u32>); 4] = [
        (b"it's\n!!\na\\\\b\n$HOME\n~\n{a,b}\n*\n`x`\n$(x)\n%d\n^a^b\n", Some(0)),
        (b"ab\nc!", Some(0)),
        (b"", Some(3)),
        (b"x\0y\x01\xff", Some(66)),
    ];
    let shells: [&[&str]; 8] =
        [&["sh"], &["bash"], &["dash"], &["zsh"], &["tcsh", "-f"], &["fish"], &["mksh"], &["busybox", "sh"]];
    for shell in shells.into_iter().filter(|s| there(s[0])) {
        let script = Script { questions: questions(&asks[..5]), ..script(&[]) };
        let answers = run(shell, &script);
        for (answer, (bytes, status)) in answers.iter().zip(expected) {
            assert_eq!((answer.bytes.as_slice(), Some(answer.status)), (bytes, status), "{shell:?}");
        }
        assert_eq!(answers[4].bytes, b"C\nok\n", "{shell:?}");
    }
    let answers = run(&["sh"], &Script { questions: questions(&asks[6..]), ..script(&[]) });
    assert!(answers.is_empty() || answers[0].status != 0);
}

#[test]
fn a_syntax_error_or_a_killed_command_costs_only_itself() {
    for shell in [&["dash"][..], &["bash"], &["zsh"], &["mksh"], &["busybox", "sh"]] {
        if !there(shell[0]) {
            continue;
        }
        let asks = ["( (", "sh -c 'kill -9 $$'", "exec false", "set -e; false; echo no", "echo fine"];
        let answers = run(shell, &script(&asks.map(command)));
        let failed = answers.iter().map(|a| a.status != 0).collect::<Vec<_>>();
        assert_eq!(failed, [true, true, true, true, false], "{shell:?}");
        assert_eq!(answers[4].bytes, b"fine\n");
        assert_eq!(answers[1].status, 137);
    }
}

#[test]
fn files_are_told_apart_from_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| How::File(folder.path().join(name).to_str().unwrap().to_owned());
    std::fs::write(folder.path().join("it's a \"file\"\n!"), b"a\0b\n\n").unwrap();
    std::fs::write(folder.path().join("empty"), b"").unwrap();
    std::fs::write(folder.path().join("big"), vec![b'x'; 100_001]).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("dangling")).unwrap();
    std::os::unix::fs::symlink("empty", folder.path().join("link")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path().join("fifo")).status().unwrap().success());
    let asks = [
        at("it's a \"file\"\n!"),
        at("empty"),
        at("big"),
        at("dangling"),
        at("link"),
        at("fifo"),
        at("none"),
        at("no/such/folder/none"),
        at("empty/none"),
        How::File("/".to_owned()),
        How::File("/dev/zero".to_owned()),
    ];
    let answers = run(&["sh"], &script(&asks));
    let statuses = answers.iter().map(|a| a.status).collect::<Vec<_>>();
    assert_eq!(statuses, [0, 0, 75, 65, 0, 65, 66, 66, 77, 65, 65]);
    assert_eq!(answers[0].bytes, b"a\0b\n\n");
    assert_eq!(answers.iter().map(|a| a.size).take(3).collect::<Vec<_>>(), [Some(5), Some(0), Some(100_001)]);
}

#[test]
fn a_folder_that_may_not_be_searched_is_not_absence() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let hidden = folder.path().join("hidden");
    std::fs::create_dir(&hidden).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(0o600)).unwrap();
    let script = script(&[How::File(hidden.join("none").to_str().unwrap().to_owned())]);
    // Root may search every folder, so ask as somebody else.
    let unprivileged: &[&str] = &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh"];
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");
    let answers = run(if root { unprivileged } else { &["sh"] }, &script);
    assert_eq!(answers[0].status, NO_PERMISSION_STATUS);
}

#[test]
fn the_mark_is_not_in_the_request() {
    let script = script(&[command("echo hello")]);
    assert!(!script.request().contains(&script.mark.text()));
}

#[test]
fn long_rounds_are_cut_into_requests() {
    let asks: Vec<How> = (0..400).map(|n| command(&format!("echo {n} {}", "'x' ".repeat(n % 40)))).collect();
    let all = questions(&asks);
    let mut rest = all.as_slice();
    let mut seen = 0;
    while !rest.is_empty() {
        let (script, taken) = Script::pack(Mark::new([1; 16]), LIMIT, 60, rest);
        assert!(script.request().len() <= MAX_REQUEST, "{}", script.request().len());
        assert_eq!(script.questions, rest[..taken]);
        seen += taken;
        rest = &rest[taken..];
    }
    assert_eq!(seen, 400);
    assert!(script(&[]).request().len() <= Script::BARE, "{}", script(&[]).request().len());
}

#[test]
fn what_cannot_be_asked() {
    let askable = |how| questions(&[how])[0].is_askable();
    assert!(!askable(command(&"'".repeat(5000))));
    assert!(askable(command(&"x".repeat(20_000))));
    assert!(!askable(command("a\0b")));
    assert!(!askable(How::File("etc/passwd".to_owned())));
}

proptest! {
    #[test]
    fn requests_read_back(
        texts in proptest::collection::vec("[ -~\\n\\téあ]{0,40}", 0..5),
        paths in proptest::collection::vec("/[ -~\\n'\\\\!]{0,20}", 0..3),
    ) {
        let asks = texts.into_iter().map(How::Command).chain(paths.into_iter().map(How::File));
        let script = script(&asks.collect::<Vec<_>>());
        let request = script.request();
        prop_assert!(!request.contains('\n'));
        prop_assert_eq!(Script::parse(&request), Some(script));
    }

    #[test]
    fn no_request_panics(text in "[ -~]{0,200}", cut in 0usize..2000) {
        let _ = Script::parse(&text);
        let _ = Script::parse(&format!("sh -c '{text}'"));
        let request = script(&[command("echo")]).request();
        if let Some(part) = request.get(..cut.min(request.len() - 1)) {
            prop_assert_eq!(Script::parse(part), None);
        }
    }

    #[test]
    fn any_words_reach_the_command_unchanged(text in "[ -~\\n\\t]{0,60}") {
        let quoted = text.replace('\'', r"'\''");
        let asks = [command(&format!("printf %s '{quoted}'"))];
        let answers = run(&["sh"], &script(&asks));
        prop_assert_eq!(String::from_utf8_lossy(&answers[0].bytes), text);
    }
}
