//! Texts of devices become UTF-8, without loss or not at all: a byte that means nothing in an encoding rules it out, and
//! where none remains the bytes stay what they are.

use encoding_rs::{EUC_JP, SHIFT_JIS};
use regex::bytes::Regex;

use crate::platform::dialogue::Charset;

/// An encoding, and the pattern by which the configuration says that it is used.
pub(super) type Possible = (Charset, Option<Regex>);

/// The bytes as UTF-8. UTF-8 comes first, then what the text itself says, then the encoding that reads the text as the
/// more ordinary one.
pub(super) fn decode(bytes: Vec<u8>, possible: &[Possible]) -> Vec<u8> {
    if std::str::from_utf8(&bytes).is_ok() {
        return bytes;
    }
    let says = |(_, setting): &&Possible| setting.as_ref().is_some_and(|s| s.is_match(&bytes));
    let said = possible.iter().find(says).and_then(|(charset, _)| strictly(*charset, &bytes));
    let likely = || {
        let readings = possible.iter().filter_map(|(charset, _)| strictly(*charset, &bytes));
        readings.min_by_key(|text| text.chars().filter(|c| is_odd(*c)).count())
    };
    said.or_else(likely).map_or(bytes, String::into_bytes)
}

fn strictly(charset: Charset, bytes: &[u8]) -> Option<String> {
    let encoding = match charset {
        Charset::ShiftJis => SHIFT_JIS,
        Charset::EucJp => EUC_JP,
    };
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(std::borrow::Cow::into_owned)
}

/// Half-width katakana and private characters: what one encoding's text looks like when it is read as the other.
const fn is_odd(c: char) -> bool {
    matches!(c, '\u{ff61}'..='\u{ff9f}' | '\u{e000}'..='\u{f8ff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn both() -> Vec<Possible> {
        let setting = Regex::new("(?m)^console character ja.sjis$").unwrap();
        vec![(Charset::ShiftJis, Some(setting)), (Charset::EucJp, None)]
    }

    #[test]
    fn each_encoding_is_known_again() {
        let text = "description lan2 \"本庁舎 表示ソ能 上流回線\"\n";
        for encoding in [SHIFT_JIS, EUC_JP] {
            let bytes = encoding.encode(text).0.into_owned();
            assert_ne!(bytes, text.as_bytes());
            assert_eq!(String::from_utf8(decode(bytes, &both())).unwrap(), text, "{}", encoding.name());
        }
        assert_eq!(decode(text.as_bytes().to_vec(), &both()), text.as_bytes());
    }

    #[test]
    fn what_the_text_says_of_itself_wins() {
        let text = "console character ja.sjis\ndescription 1 ｶﾃｲ\n";
        let bytes = SHIFT_JIS.encode(text).0.into_owned();
        assert_eq!(String::from_utf8(decode(bytes, &both())).unwrap(), text);
    }

    #[test]
    fn what_no_encoding_reads_stays() {
        assert_eq!(decode(b"a\xff\xfe\n".to_vec(), &both()), b"a\xff\xfe\n");
    }

    proptest! {
        #[test]
        fn no_character_is_lost(text in "[ -~ぁ-んァ-ヶ亜-熙\n]{0,60}") {
            for encoding in [SHIFT_JIS, EUC_JP] {
                let (bytes, _, lossy) = encoding.encode(&text);
                if !lossy {
                    let only = match encoding == SHIFT_JIS {
                        true => (Charset::ShiftJis, None),
                        false => (Charset::EucJp, None),
                    };
                    let got = decode(bytes.into_owned(), &[only]);
                    // both encodings have no backslash and no tilde of their own
                    prop_assert_eq!(String::from_utf8(got).unwrap(), text.clone());
                }
            }
        }
    }
}
