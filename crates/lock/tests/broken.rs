//! A corpus of damaged locks, each with the message that it gives beside it.
//! `STRATA_BLESS=1 cargo test -p strata-lock --test broken` writes the messages anew; read what changed.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod mutations;

use std::{fs, path::Path};

use mutations::Mutations;
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

/// Nothing may panic, and what is refused is refused with a place.
#[test]
fn no_mutation_panics() {
    Lock::parse(SMALL, "small.lock").unwrap();
    let (refused, taken) =
        Mutations(0x5eed_0001).try_all(&[SMALL], (4000, 200), "m.lock:", |text| {
            Lock::parse(text, "m.lock")
        });
    assert!(refused > 1000 && taken > 50, "{refused} {taken}");
}
