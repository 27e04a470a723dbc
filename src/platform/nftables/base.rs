//! How a chain is hooked in, in nft's text form (nft(8), CHAINS).

use super::ast::Base;
use super::cursor::Cursor;
use super::lex::{Kind, Token};

/// `type filter hook input [device X | devices = { ... }] priority P`.
pub(super) fn base(tokens: &[Token], family: &str) -> Base {
    let mut base = Base { accept: true, ..Base::default() };
    let mut cursor = Cursor::new(tokens);
    while let Some(kind) = cursor.next() {
        let Kind::Word(word) = kind else { continue };
        match word.as_str() {
            "type" => base.kind = cursor.text().unwrap_or_default().to_owned(),
            "hook" => base.hook = cursor.text().unwrap_or_default().to_owned(),
            "device" => base.devices.extend(cursor.text().map(str::to_owned)),
            "devices" => {
                while let Some(kind) = cursor.next() {
                    match kind {
                        Kind::Word(name) | Kind::Quoted(name) => base.devices.push(name.clone()),
                        Kind::Symbol("}") => break,
                        _ => {}
                    }
                }
            }
            "priority" => {
                let mut words = cursor.skip_words(|_| true);
                // `filter + 10`
                if cursor.symbol("+") {
                    words.push("+");
                    words.extend(cursor.skip_words(|_| true));
                }
                base.priority = priority(&words.join(" "), family);
            }
            _ => {}
        }
    }
    base
}

/// `filter`, `filter - 10`, `-150` (nft(8), "Standard priority names").
fn priority(text: &str, family: &str) -> Option<i32> {
    let text = text.replace(' ', "");
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let split = text.find(['-', '+']).unwrap_or(text.len());
    let (name, offset) = (text.get(..split)?, text.get(split..)?);
    let named = match (family, name) {
        ("bridge", "dstnat") => -300,
        ("bridge", "filter") => -200,
        ("bridge", "out") => 100,
        ("bridge", "srcnat") => 300,
        (_, "raw") => -300,
        (_, "mangle") => -150,
        (_, "dstnat") => -100,
        (_, "filter") => 0,
        (_, "security") => 50,
        (_, "srcnat") => 100,
        _ => return None,
    };
    if offset.is_empty() { Some(named) } else { offset.parse::<i32>().ok()?.checked_add(named) }
}
