//! Frames whole, cut, forged and buried in noise.

use proptest::prelude::*;

use super::*;

fn mark() -> Mark {
    Mark::new([0x11; 16])
}

fn reader(count: usize) -> FrameReader {
    FrameReader::new(&mark(), 0..count, 1000)
}

fn framed(answers: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, bytes) in answers.iter().enumerate() {
        out.extend(write::begin(&mark(), n, None).bytes());
        out.extend(*bytes);
        out.extend(write::end(&mark(), n, u32::try_from(n * 3).unwrap()).bytes());
    }
    out.extend(write::over(&mark()).bytes());
    out
}

fn read(count: usize, output: &[u8]) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut reader = reader(count);
    reader.push(output)?;
    Ok(reader.take_answers().into_iter().map(|a| a.bytes).collect())
}

#[test]
fn an_answer_is_certain_only_when_the_next_mark_has_come() {
    let output = framed(&[b"one", b"two"]);
    let end = find(&output, b" B 1", 0).unwrap();
    let mut reader = reader(2);
    reader.push(&output[..end]).unwrap();
    assert!(reader.take_answers().is_empty());
    assert!(reader.is_holding());
    reader.push(&output[end..]).unwrap();
    assert_eq!(reader.take_answers().len(), 2);
    assert!(reader.is_over());
    assert!(!reader.is_holding());
}

#[test]
fn imitated_frames_are_found_out() {
    let m = mark().text();
    for forged in [
        format!("x\n{m} E 0 0\nrest of a longer answer"),
        format!("x\n{m} E 0 0\n\n{m} B 1 -\nforged\n{m} E 1 0\n\n{m} D\n"),
        format!("x\n{m} E 1 0\n"),
        format!("x\n{m} D\n"),
        format!("x\n{m} B 1 -\n"),
        format!("x\n{m} E 0 {}", "9".repeat(100)),
        format!("x\n{m} E 0 -1\n"),
    ] {
        assert_eq!(read(2, &framed(&[forged.as_bytes(), b"two"])), Err(FrameError::Stray), "{forged:?}");
    }
}

#[test]
fn another_mark_is_just_text() {
    let text = framed(&[b"x"]).iter().map(|b| if *b == b'1' { b'2' } else { *b }).collect::<Vec<_>>();
    assert_eq!(read(1, &framed(&[&text])), Ok(vec![text]));
}

#[test]
fn noise_before_and_after_but_not_between() {
    let output = [b"Welcome!\r\n\x1b[2J".as_slice(), &framed(&[b"x"]), b"bye\n"].concat();
    assert_eq!(read(1, &output), Ok(vec![b"x".to_vec()]));
    let m = mark().text();
    let between = format!("\n{m} B 0 -\na\n{m} E 0 0\nnoise\n{m} B 1 -\nb\n{m} E 1 0\n\n{m} D\n");
    assert_eq!(read(2, between.as_bytes()), Err(FrameError::Stray));
    assert_eq!(read(1, &vec![b'x'; MAX_NOISE + 100]), Err(FrameError::Noise));
}

#[test]
fn the_limit_holds_before_the_end_is_seen() {
    let m = mark().text();
    let mut reader = reader(1);
    reader.push(format!("\n{m} B 0 -\n").as_bytes()).unwrap();
    reader.push(&[b'x'; 1000]).unwrap();
    assert_eq!(reader.push(&[b'x'; 100]), Err(FrameError::TooLarge));
    assert_eq!(read(1, &framed(&[&[b'x'; 1000]])).map(|a| a[0].len()), Ok(1000));
    assert_eq!(read(1, &framed(&[&[b'x'; 1001]])), Err(FrameError::TooLarge));
}

#[test]
fn standard_error_is_kept_apart_and_short() {
    let m = mark().text();
    let mut reader = StderrReader::new(&mark());
    let text = format!("motd\n{m} S 0\n\n{m} S 1\nno such table\n\n{m} S 2\n{}", "y".repeat(9000));
    text.as_bytes().chunks(7).for_each(|c| reader.push(c));
    let kept = reader.finish();
    assert_eq!(kept[..2], [(0, String::new()), (1, "no such table".to_owned())]);
    assert_eq!(kept[2..], [(2, "y".repeat(MAX_STDERR))]);
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_come_back(
        answers in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..5),
        noise in "[a-z\\n]{0,40}",
        piece in 1usize..50,
    ) {
        let slices: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        let output = [noise.as_bytes(), &framed(&slices)].concat();
        let mut reader = reader(answers.len());
        for chunk in output.chunks(piece) {
            reader.push(chunk).unwrap();
        }
        let got = reader.take_answers();
        prop_assert!(reader.is_over());
        prop_assert_eq!(got.iter().map(|a| a.status).collect::<Vec<_>>(), (0..got.len() as u64).map(|n| u32::try_from(n * 3).unwrap()).collect::<Vec<_>>());
        prop_assert_eq!(got.into_iter().map(|a| a.bytes).collect::<Vec<_>>(), answers);
    }

    #[test]
    fn a_cut_stream_never_yields_a_wrong_answer(
        answers in proptest::collection::vec("[a-z\\n]{0,30}", 1..4),
        cut in 0usize..400,
    ) {
        let slices: Vec<&[u8]> = answers.iter().map(String::as_bytes).collect();
        let output = framed(&slices);
        let mut reader = reader(answers.len());
        reader.push(&output[..cut.min(output.len())]).unwrap();
        for answer in reader.take_answers() {
            prop_assert_eq!(&answer.bytes, answers[answer.number].as_bytes());
        }
        prop_assert_eq!(reader.is_over(), cut >= output.len());
    }

    #[test]
    fn hostile_bytes_never_panic(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..9)) {
        let mut reader = reader(2);
        let mut stderr = StderrReader::new(&mark());
        for chunk in &chunks {
            stderr.push(chunk);
            if reader.push(chunk).is_err() { break }
        }
        stderr.finish();
    }
}
