//! A round of questions as one exec request: a small POSIX shell script whose answers come framed.
//!
//! sshd hands an exec request to the login shell, whichever that is (sshd(8), LOGIN PROCESS), so the request
//! is quoted such that sh, bash, zsh, csh, tcsh and fish all read the same words and start `sh` with the same
//! script: no newline, and outside of single quotes only `"'"`, `\\` and `\!`. The script itself is
//! POSIX.1-2017, chapter Shell Command Language. It writes nothing anywhere but to its standard output and
//! standard error.
//!
//! [`Script::parse`] reads the same form back; that is all the shell that [`crate::simulate`] has.

use crate::platform::{ABSENT_STATUS, How};

/// Longest request that several questions are put into, in bytes; a longer round becomes several requests.
pub(crate) const MAX_REQUEST: usize = 16 << 10;

/// Longest request for one question alone, in bytes; below what one SSH packet and one argument carry
/// everywhere.
const MAX_SINGLE: usize = 24 << 10;

/// Exit status of a file question whose path is there but no regular file, or leads nowhere (`EX_DATAERR`).
pub(crate) const NOT_REGULAR_STATUS: u32 = 65;

/// Exit status of a file question whose file is larger than the limit (`EX_TEMPFAIL`, otherwise unused here).
pub(crate) const TOO_LARGE_STATUS: u32 = 75;

/// Exit status of a file question that may not look into a folder on the way (`EX_NOPERM`): not the same as
/// absent.
pub(crate) const NO_PERMISSION_STATUS: u32 = 77;

/// Functions of the script. `m` writes a mark. `c` answers a command in a shell of its own. `f` answers a
/// file: mark with the size, then the bytes, or why not. A file counts as absent only where the deepest
/// folder that is there may be searched, since `test -e` says no as well when it may not look.
const FUNCTIONS: &str = concat!(
    r#"m(){ printf "\n%s %s\n" "$n" "$*"; };"#,
    r#"c(){ m S $1 >&2;m B $1 -;(exec $T sh -c "$3") </dev/null;m E $1 $?; };"#,
    r#"f(){ m S $1 >&2;s=-;if [ -f "$3" ];then s=$(wc -c <"$3") || s=-;fi;"#,
    r#"m B $1 $s;(t "$3") </dev/null;m E $1 $?; };"#,
    r#"t(){ if [ -f "$1" ];then if [ "$s" = - ] || [ $s -le $L ];then exec $T cat <"$1";fi;exit 75;fi;"#,
    r#"if [ -e "$1" ] || [ -L "$1" ];then exit 65;fi;d=$1;"#,
    r#"while :;do d=${d%/*};[ -n "$d" ] || d=/;if [ -e "$d" ] || [ -L "$d" ] || [ "$d" = / ];then break;fi;done;"#,
    r#"if [ -d "$d" ] && [ -x "$d" ];then exit 66;fi;exit 77; };"#,
);

/// The environment: the C locale, the administrator's commands first, no pager; `l` is a newline. Where there
/// is a `timeout` (coreutils, busybox), no command outlives the capture: sshd passes no signals to root's
/// sessions.
const ENVIRONMENT: &str = concat!(
    "LC_ALL=C;LANGUAGE=;PAGER=cat;TERM=dumb;",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH;",
    "export LC_ALL LANGUAGE PAGER TERM PATH;unset IFS CDPATH;",
    r#"l=$(printf "\nx");l=${l%x};"#,
    "T=;timeout 1 true >/dev/null 2>&1 && T=timeout;",
);

/// The mark that frames carry in this run: random, so that no output can hold it by chance or by malice
/// unless the device reads it from the script itself. The script holds it in two halves, so a process list
/// does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    halves: [String; 2],
}

impl Mark {
    /// A mark from 16 random bytes.
    pub(crate) fn new(random: [u8; 16]) -> Self {
        let hex = data_encoding::HEXLOWER.encode(&random);
        let (a, b) = hex.split_at_checked(16).unwrap_or((&hex, ""));
        Self { halves: [a.to_owned(), b.to_owned()] }
    }

    /// The mark as it stands in the output.
    pub(crate) fn text(&self) -> String {
        let [a, b] = &self.halves;
        format!("sekisho-{a}{b}")
    }
}

/// One question in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Number within the device's run; it names the frames of the answer.
    pub(crate) number: usize,
    /// Artifact that the answer becomes; a mere label for the shell.
    pub(crate) artifact: String,
    /// What to run.
    pub(crate) how: How,
}

impl Question {
    /// Whether the question can be put: no NUL, an absolute path, not longer than one request carries.
    pub(crate) fn is_askable(&self) -> bool {
        let (text, absolute) = match &self.how {
            How::Command(command) => (command, true),
            How::File(path) => (path, path.starts_with('/')),
        };
        absolute
            && !text.contains('\0')
            && !self.artifact.contains('\0')
            && Script::BARE + self.request_len() <= MAX_SINGLE
    }

    /// Bytes that the question takes in the request.
    fn request_len(&self) -> usize {
        outer(&self.line()).len()
    }

    fn line(&self) -> String {
        let (function, argument) = match &self.how {
            How::Command(command) => ('c', command),
            How::File(path) => ('f', path),
        };
        format!("{function} {} {} {};", self.number, inner(&self.artifact), inner(argument))
    }
}

/// A script: mark, size limit, questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    /// The mark of its frames.
    pub(crate) mark: Mark,
    /// Largest file that is sent, in bytes.
    pub(crate) limit: u64,
    /// Longest time that one command may run, in seconds.
    pub(crate) seconds: u64,
    /// Its questions, numbered in ascending order without holes.
    pub(crate) questions: Vec<Question>,
}

impl Script {
    /// Room for everything but the questions; a test holds it to the truth.
    const BARE: usize = 2 << 10;

    /// A script of the first questions, as many as fit into one request, and how many they are (at least
    /// one).
    pub(crate) fn pack(mark: Mark, limit: u64, seconds: u64, questions: &[Question]) -> (Self, usize) {
        let mut length = Self::BARE;
        let fitting = questions.iter().take_while(|q| {
            length += q.request_len();
            length <= MAX_REQUEST
        });
        let count = fitting.count().max(1).min(questions.len());
        let questions = questions.iter().take(count).cloned().collect();
        (Self { mark, limit, seconds, questions }, count)
    }

    /// The exec request.
    pub(crate) fn request(&self) -> String {
        let lines: String = self.questions.iter().map(Question::line).collect();
        format!("sh -c {}", outer(&format!("{}{lines}m D", self.prelude())))
    }

    fn prelude(&self) -> String {
        let [a, b] = &self.mark.halves;
        let (limit, seconds) = (self.limit, self.seconds);
        format!("{ENVIRONMENT}n=sekisho-{a};n=${{n}}{b};L={limit};T=${{T:+$T {seconds}}};{FUNCTIONS}")
    }

    /// Reads a request back; `None` for anything that [`Script::request`] did not write.
    pub(crate) fn parse(request: &str) -> Option<Self> {
        let script = un_outer(request.strip_prefix("sh -c ")?)?;
        let rest = script.strip_prefix(ENVIRONMENT)?.strip_prefix("n=sekisho-")?;
        let (a, rest) = rest.split_once(";n=${n}")?;
        let (b, rest) = rest.split_once(";L=")?;
        let (limit, rest) = rest.split_once(";T=${T:+$T ")?;
        let (seconds, rest) = rest.split_once("};")?;
        let mut rest = rest.strip_prefix(FUNCTIONS)?;
        let mut questions = Vec::new();
        while rest != "m D" {
            let (question, after) = parse_line(rest)?;
            questions.push(question);
            rest = after;
        }
        let mark = Mark { halves: [a.to_owned(), b.to_owned()] };
        Some(Self { mark, limit: limit.parse().ok()?, seconds: seconds.parse().ok()?, questions })
    }
}

fn parse_line(text: &str) -> Option<(Question, &str)> {
    let (function, rest) = text.split_once(' ')?;
    let (number, rest) = rest.split_once(' ')?;
    let (artifact, rest) = un_inner(rest)?;
    let (argument, rest) = un_inner(rest.strip_prefix(' ')?)?;
    let how = match function {
        "c" => How::Command(argument),
        "f" => How::File(argument),
        _ => return None,
    };
    Some((Question { number: number.parse().ok()?, artifact, how }, rest.strip_prefix(';')?))
}

/// A word for the script's own shell: single quotes, with `'\''` for a quote and `"$l"` for a newline.
fn inner(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''").replace('\n', r#"'"$l"'"#))
}

/// Reads such a word, and what follows it.
fn un_inner(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (piece, after) = rest.split_once('\'')?;
        word.push_str(piece);
        if let Some(next) = after.strip_prefix(r"\''") {
            word.push('\'');
            rest = next;
        } else if let Some(next) = after.strip_prefix(r#""$l"'"#) {
            word.push('\n');
            rest = next;
        } else {
            return Some((word, after));
        }
    }
}

/// A word for whichever login shell. Single quotes hold everything but three characters: csh expands `!` and
/// fish reads backslashes even there.
fn outer(word: &str) -> String {
    let mut text = String::with_capacity(word.len() + word.len() / 4);
    text.push('\'');
    for c in word.chars() {
        match c {
            '\'' => text.push_str(r#"'"'"'"#),
            '\\' => text.push_str(r"'\\'"),
            '!' => text.push_str(r"'\!'"),
            other => text.push(other),
        }
    }
    text.push('\'');
    text
}

fn un_outer(text: &str) -> Option<String> {
    let mut word = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let escapes = [(r#""'""#, '\''), (r"\\", '\\'), (r"\!", '!')];
        if let Some((after, c)) = escapes.iter().find_map(|(e, c)| Some((rest.strip_prefix(e)?, *c))) {
            word.push(c);
            rest = after;
        } else {
            let (piece, after) = rest.strip_prefix('\'')?.split_once('\'')?;
            word.push_str(piece);
            rest = after;
        }
    }
    Some(word)
}

// The statuses stand in FUNCTIONS as literals.
const _: () = assert!(ABSENT_STATUS == 66 && NOT_REGULAR_STATUS == 65 && TOO_LARGE_STATUS == 75);
const _: () = assert!(NO_PERMISSION_STATUS == 77);

#[cfg(test)]
#[cfg(unix)]
mod tests;
