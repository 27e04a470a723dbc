//! master.cf, and `postconf -M`: which program serves which port, with which overrides (master(5)).

use std::sync::Arc;

use super::logical::{self, Logical, in_braces};
use crate::finding::Location;

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    /// First field: a name, a port, `host:port`.
    pub(super) name: Arc<str>,
    /// Second field: `inet`, `unix`, `pass`, `fifo`, `unix-dgram`.
    pub(super) kind: Arc<str>,
    /// The program, without its folder.
    pub(super) command: Arc<str>,
    /// `-o name=value`, in order; the last of a name wins.
    pub(super) overrides: Vec<Override>,
    /// Where it begins.
    pub(super) at: Location,
}

/// One `-o name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Override {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) at: Location,
}

impl Service {
    /// The override of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&Override> {
        self.overrides.iter().rev().find(|o| o.name == name)
    }
}

/// Reads the file. Lines that are no service come second.
pub(super) fn read(file: &str, text: &str) -> (Vec<Service>, Vec<Location>) {
    let (lines, mut unread) = logical::lines(file, text);
    let mut services = Vec::new();
    for line in lines {
        match service(&line) {
            Some(service) => services.push(service),
            None => unread.push(line.at(0)),
        }
    }
    (services, unread)
}

fn service(line: &Logical) -> Option<Service> {
    let words = logical::split(&line.text, false);
    let [name, kind, _private, _unpriv, _chroot, _wakeup, _limit, command, arguments @ ..] = words.as_slice()
    else {
        return None;
    };
    let mut overrides = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        // options may be joined: -vo name=value, -oname=value
        let Some(options) = word.text.strip_prefix('-') else { continue };
        let Some(o) =
            options.find('o').filter(|o| options.get(..*o).is_some_and(|f| f.bytes().all(|b| b == b'v')))
        else {
            continue;
        };
        let inline = options.get(o + 1..).filter(|rest| !rest.is_empty());
        let (text, offset) = match inline {
            Some(text) => (text, word.offset),
            None => match words.next() {
                Some(word) => (word.text, word.offset),
                None => break,
            },
        };
        let text = in_braces(text).unwrap_or(text);
        if let Some((name, value)) = text.split_once('=') {
            let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
            overrides.push(Override { name, value, at: line.at(offset) });
        }
    }
    let program = command.text.rsplit('/').next().unwrap_or(command.text);
    Some(Service {
        name: name.text.into(),
        kind: kind.text.into(),
        command: program.into(),
        overrides,
        at: line.at(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_in_every_spelling() {
        let text = "smtp inet n - y - - smtpd\n\
            # a comment\n\
            submission inet n - y - - /usr/lib/postfix/sbin/smtpd -v -o a=1\n\
            \x20 -o { b = 2 3 }\n\
            \x20 -oc=4 -o a=5\n\
            broken line\n";
        let (services, unread) = read("master.cf", text);
        assert_eq!(unread.len(), 1);
        let submission = services.get(1).unwrap();
        assert_eq!(&*submission.command, "smtpd");
        assert_eq!(submission.get("a").unwrap().value, "5", "the last one wins");
        assert_eq!(submission.get("b").unwrap().value, "2 3");
        assert_eq!(submission.get("b").unwrap().at.line, Some(4));
        assert_eq!(submission.get("c").unwrap().value, "4");
        assert_eq!(services.first().unwrap().overrides.len(), 0);
    }
}
