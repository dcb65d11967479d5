//! A corpus of damaged locks, each with the message that it gives beside it.
//! `STRATA_BLESS=1 cargo test -p strata-lock --test broken` writes the messages anew; read what changed.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

use std::{fs, path::Path};

use strata_lock::Lock;

const SMALL: &str = include_str!("small.lock");

#[test]
fn every_damaged_lock_says_where_and_what_to_do() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let bless = std::env::var_os("STRATA_BLESS").is_some();
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "lock"))
        .collect();
    files.sort();
    assert!(files.len() >= 20, "the corpus has {} locks", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let here = format!("{}/", folder.display());
        let message = format!("{}\n", Lock::read(&path).unwrap_err()).replace(&here, "");
        let first = message.lines().next().unwrap();
        let place: Vec<_> = first.splitn(4, ':').collect();
        assert!(
            place[0] == name
                && place[1..3]
                    .iter()
                    .all(|number| number.parse::<u32>().is_ok()),
            "{first}: neither line nor column"
        );
        assert_eq!(
            message.matches(" = hint: ").count(),
            message.split("\n\n").count(),
            "{message}"
        );
        let expected = path.with_extension("err");
        if bless {
            fs::write(&expected, &message).unwrap();
        } else if fs::read_to_string(&expected).ok().as_ref() != Some(&message) {
            wrong.push(format!("{}:\n{message}", expected.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "these differ (STRATA_BLESS=1 writes them anew):\n{}",
        wrong.join("\n")
    );
}

/// Cuts, doubles, swaps and replaces bytes of a valid lock. Nothing may panic, and what is refused
/// is refused with a place.
#[test]
fn no_mutation_panics() {
    Lock::parse(SMALL, "small.lock").unwrap();
    let mut random = 0x5eed_0001_u64;
    let mut next = |below: usize| {
        // xorshift64: the same mutations on every machine.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 33).unwrap() % below.max(1)
    };
    let bytes = "\"'[]{}=#.,-\n\r\t 0aé\u{1F600}<>\\"
        .chars()
        .collect::<Vec<_>>();
    let (mut refused, mut taken) = (0, 0);
    for _ in 0..4000 {
        let mut text: Vec<char> = SMALL.chars().collect();
        for _ in 0..=next(3) {
            let at = next(text.len());
            match next(5) {
                0 => text.truncate(at),
                1 => text.insert(at, bytes[next(bytes.len())]),
                2 if !text.is_empty() => text[at] = bytes[next(bytes.len())],
                3 => {
                    let end = (at + next(40)).min(text.len());
                    text.drain(at..end);
                }
                _ => {
                    let end = (at + next(200)).min(text.len());
                    let piece = text[at..end].to_vec();
                    let to = next(text.len());
                    text.splice(to..to, piece);
                }
            }
        }
        let text: String = text.into_iter().collect();
        match Lock::parse(&text, "m.lock") {
            Ok(_) => taken += 1,
            Err(error) => {
                refused += 1;
                assert!(error.to_string().starts_with("m.lock:"), "{error}");
            }
        }
    }
    assert!(refused > 1000 && taken > 50, "{refused} {taken}");
}
