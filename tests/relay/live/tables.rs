//! Random lookup tables, of every type that needs no server.

use super::dice::Dice;
use super::generate::Host;

/// What a table is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Client,
    Helo,
    Sender,
    Recipient,
    Login,
}

impl Key {
    const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Client => &[
                "198.51.100.10",
                "198.51.100",
                "198.51",
                "203.0.113",
                "203.0.113.200",
                "192.0.2.200",
                "attacker.example",
                ".attacker.example",
                "host10.attacker.example",
                "example",
                "mail.city.example",
                "city.example",
                "unknown",
                "10.1",
                "10",
                "127.0.0.1",
                "2001:db8:ffff",
                "2001:db8:ffff::10",
                "2001",
            ],
            Self::Helo => &[
                "localhost",
                "city.example",
                "host10.attacker.example",
                "attacker.example",
                "[192.0.2.25]",
                "mx.city.example",
                "example",
                ".example",
            ],
            Self::Sender => &[
                "soumu@city.example",
                "city.example",
                ".city.example",
                "sub.city.example",
                "carrier.example",
                "spam@carrier.example",
                "spam@",
                "soumu@",
                "soumu",
                "<>",
                "null",
                "example",
                "MAILER-DAEMON@city.example",
            ],
            Self::Recipient => &[
                "victim@outside.example",
                "outside.example",
                ".outside.example",
                "victim@",
                "city.example",
                "soumu@city.example",
                "soumu@",
                "partner.example",
                "u@partner.example",
                "postmaster@city.example",
                "example",
                "sub.partner.example",
                "soumu+lists@city.example",
            ],
            Self::Login => &["soumu", "taro", "soumu@city.example"],
        }
    }

    const fn patterns(self) -> &'static [&'static str] {
        match self {
            Self::Client => {
                &["/^198\\.51\\./", "/attacker/", "/^[0-9.]+$/", "/:/", "/unknown/", "!/^10\\./", "/./"]
            }
            Self::Helo => &["/^localhost$/", "/^\\[/", "/^[^.]+$/", "/city\\.example/", "!/\\.example$/"],
            Self::Sender | Self::Recipient => &[
                "/@city\\.example$/",
                "/city\\.example/",
                "/^victim/",
                "/@/",
                "/./",
                "/^soumu@/",
                "!/city/",
                "/[%!]/",
                "/^[^@]+$/",
                "/OUTSIDE/",
                "/outside/i",
                "/^(.*)\\+(.*)@/",
                "/@.*@/",
                "/^\"/",
            ],
            Self::Login => &["/soumu/", "/./"],
        }
    }
}

/// A table of what an access list may answer.
pub(super) fn access(dice: &mut Dice, host: &mut Host, key: Key, answers: &[&str]) -> String {
    let answer = |dice: &mut Dice| (dice.word(answers)).to_owned();
    match dice.below(if key == Key::Client { 11 } else { 9 }) {
        0..=3 => {
            let text = rows(dice, key, answers);
            let kind = dice.word(&["hash", "hash", "lmdb", "btree"]);
            host.compile(kind, "access", &text)
        }
        4 => {
            let text = rows(dice, key, answers);
            format!("texthash:{}", host.file("access", &text))
        }
        5 | 6 => {
            let kind = dice.word(&["regexp", "pcre"]);
            let mut text = String::new();
            let number = 1 + dice.below(2);
            for pattern in dice.some(key.patterns(), number) {
                let row = format!("{pattern} {}\n", answer(dice));
                let condition = dice.word(&["", "", "", "if /example/\n", "if !/city/\n"]);
                text += &if condition.is_empty() { row } else { format!("{condition}{row}endif\n") };
            }
            format!("{kind}:{}", host.file("patterns", &text))
        }
        7 => format!("inline:{{ {{ {} = {} }} }}", dice.word(key.words()), answer(dice)),
        8 => match dice.below(4) {
            0 | 1 => format!("static:{}", single(&answer(dice))),
            2 => format!("static:{{{}}}", answer(dice)),
            _ => {
                let (one, two) = (dice.word(key.words()), dice.word(key.words()));
                let (first, second) = (single(&answer(dice)), single(&answer(dice)));
                format!("unionmap:{{ inline:{{ {one}={first} }} inline:{{ {two}={second} }} }}")
            }
        },
        _ => {
            let nets = [
                "198.51.100.0/24",
                "0.0.0.0/0",
                "192.0.2.0/24",
                "!10.0.0.0/8",
                "::/0",
                "2001:db8::/32",
                "203.0.113.200",
                "198.51.100.10/0",
            ];
            let number = 1 + dice.below(3);
            let rows: String = dice
                .some(&nets, number)
                .iter()
                .map(|net| format!("{net} {}\n", dice.word(answers)))
                .collect();
            format!("cidr:{}", host.file("nets", &rows))
        }
    }
}

fn rows(dice: &mut Dice, key: Key, answers: &[&str]) -> String {
    let number = 1 + dice.below(4);
    dice.some(key.words(), number).iter().map(|word| format!("{word} {}\n", dice.word(answers))).collect()
}

/// The first word: what fits where there are no blanks.
fn single(answer: &str) -> String {
    answer.split(' ').next().unwrap().trim_end_matches(',').to_owned()
}

/// A table whose keys are these, with answers that mean nothing.
pub(super) fn members(dice: &mut Dice, host: &mut Host, keys: &[&str]) -> String {
    let rows = || keys.iter().map(|key| format!("{key} REJECT\n")).collect::<String>();
    match dice.below(4) {
        0 => host.compile("hash", "members", &rows()),
        1 => format!("texthash:{}", host.file("members", &rows())),
        2 => {
            let rows: String = keys.iter().map(|key| format!("/{}$/ x\n", key.replace('.', "\\."))).collect();
            format!("regexp:{}", host.file("members", &rows))
        }
        _ => format!(
            "inline:{{ {} }}",
            keys.iter().map(|key| format!("{key}=x")).collect::<Vec<_>>().join(", ")
        ),
    }
}
