//! A corpus of broken editions, each with the message that it gives beside it.
//! `STRATA_BLESS=1 cargo test -p strata-edition --test broken` writes the messages anew; read what
//! changed.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

#[path = "../../lock/tests/mutations/mod.rs"]
mod mutations;

use std::{fs, path::Path};

use mutations::Mutations;
use strata_edition::Edition;

/// What others extend; there is nothing wrong with it.
const SOUND: &str = "parent.toml";

#[test]
fn every_broken_edition_says_where_and_what_to_do() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let bless = std::env::var_os("STRATA_BLESS").is_some();
    Edition::read(&folder.join(SOUND)).unwrap();
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .filter(|path| !path.ends_with(SOUND))
        .collect();
    files.sort();
    assert!(files.len() >= 30, "the corpus has {} editions", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let here = format!("{}/", folder.display());
        let message = format!("{}\n", Edition::read(&path).unwrap_err()).replace(&here, "");
        for problem in message.split("\n\n") {
            let first = problem.lines().next().unwrap();
            let place: Vec<_> = first.splitn(4, ':').collect();
            assert!(
                place.len() == 4
                    && place[1..3]
                        .iter()
                        .all(|number| number.parse::<u32>().is_ok()),
                "{}: neither line nor column: {first}",
                path.display()
            );
            assert_eq!(problem.matches(" = hint: ").count(), 1, "{problem}");
        }
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let starter = fs::read_to_string(root.join("../../editions/starter.toml")).unwrap();
    let everything = include_str!("valid/everything.toml").replace("extends = \"base\"", "");
    let texts = [starter.as_str(), &everything, &everything];
    let (refused, taken) =
        Mutations(0x5eed_0003).try_all(&texts, (1500, 60), "m:", |text| Edition::parse(text, "m"));
    assert!(refused > 300 && taken > 50, "{refused} {taken}");
}
