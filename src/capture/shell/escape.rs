//! Takes terminal control sequences out of what a device sends (ECMA-48, sections 5.3 and 5.4).
//!
//! Only what is certainly one: a sequence whose form is broken stays, byte by byte, and so do those that carry text of any
//! length (OSC and the like), which could hide lines of a configuration.

const ESC: u8 = 0x1b;

/// Longest sequence; anything longer is none.
const MAX: usize = 64;

/// The sequences of one stream, which may begin in one piece of it and end in another.
#[derive(Debug, Default)]
pub(super) struct Strip {
    held: Vec<u8>,
}

enum Form {
    Open,
    Whole,
    Broken,
}

impl Strip {
    /// Appends `bytes` to `out` without the sequences.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            if self.held.is_empty() && *byte != ESC {
                out.push(*byte);
                continue;
            }
            if *byte == ESC {
                out.append(&mut self.held);
            }
            self.held.push(*byte);
            match form(&self.held) {
                Form::Open => {}
                Form::Whole => self.held.clear(),
                Form::Broken => out.append(&mut self.held),
            }
        }
    }
}

fn form(held: &[u8]) -> Form {
    let Some((last, before)) = held.split_last() else { return Form::Open };
    match (before, *last) {
        ([], _) => Form::Open,
        _ if held.len() > MAX => Form::Broken,
        // CSI, an intermediate byte such as that of a character set, a single function
        ([_], b'[' | b'(' | b')' | b'#' | b' ' | b'%') => Form::Open,
        ([_], b'$' | b']' | b'P' | b'X' | b'^' | b'_') => Form::Broken,
        ([_], 0x30..=0x7e) => Form::Whole,
        ([_, b'['], 0x20..=0x3f) => Form::Open,
        ([_, b'[', ..], 0x20..=0x3f) => Form::Open,
        ([_, b'[', ..], 0x40..=0x7e) => Form::Whole,
        ([_, b'(' | b')' | b'#' | b' ' | b'%'], 0x30..=0x7e) => Form::Whole,
        _ => Form::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut strip, mut out) = (Strip::default(), Vec::new());
        pieces.iter().for_each(|piece| strip.push(piece, &mut out));
        out
    }

    #[test]
    fn sequences_go_and_text_stays() {
        assert_eq!(strip(&[b"a\x1b[1;31mb\x1b[0mc\x1b(Bd\x1b=e\x1b[?25lf"]), b"abcdef");
        assert_eq!(strip(&[b"a\x1b", b"[", b"2", b"K", b"b"]), b"ab");
        assert_eq!(strip(&[b"a\x1b\x1b[Kb"]), b"a\x1bb");
    }

    #[test]
    fn nothing_hides_text() {
        assert_eq!(strip(&[b"\x1b]0;ip filter 1 pass * *\x07x"]), b"\x1b]0;ip filter 1 pass * *\x07x");
        assert_eq!(strip(&[b"\x1b[12\nip filter"]), b"\x1b[12\nip filter");
        assert_eq!(strip(&["\x1b[日本".as_bytes()]), "\x1b[日本".as_bytes());
        let long = [b"\x1b[".as_slice(), &[b'1'; 100]].concat();
        assert_eq!(strip(&[&long]), long);
    }
}
