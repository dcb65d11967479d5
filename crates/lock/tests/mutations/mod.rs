//! Broken texts out of a sound one, the same on every machine. The edition's tests use it too.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

/// Characters that mean something to TOML, to versions and names, or to nobody.
const LETTERS: &str = "\"'[]{}=#.,-\n\r\t 0aé\u{1F600}<>\\@;:~!";

/// Mutations from a seed: pieces are cut, doubled, inserted and replaced.
pub struct Mutations(pub u64);

impl Mutations {
    /// xorshift64.
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }

    /// The text with one to three mutations, each over at most `longest` characters but for a rare
    /// cut to the end.
    pub fn of(&mut self, text: &str, longest: usize) -> String {
        let letters: Vec<char> = LETTERS.chars().collect();
        let mut text: Vec<char> = text.chars().collect();
        for _ in 0..=self.next(3) {
            let at = self.next(text.len());
            let end = (at + self.next(longest)).min(text.len());
            let letter = letters[self.next(letters.len())];
            match self.next(6) {
                0 if self.next(4) == 0 => text.truncate(at),
                1 => text.insert(at, letter),
                2 | 0 if !text.is_empty() => text[at] = letter,
                3 => drop(text.drain(at..end)),
                _ => {
                    let piece = text[at..end].to_vec();
                    let to = self.next(text.len());
                    text.splice(to..to, piece);
                }
            }
        }
        text.into_iter().collect()
    }

    /// Gives `rounds` mutations of the texts, in turns, to `parse`; an error has to begin with
    /// `place`. Returns how many were refused and how many taken.
    pub fn try_all<T, E: std::fmt::Display>(
        &mut self,
        texts: &[&str],
        (rounds, longest): (usize, usize),
        place: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> (usize, usize) {
        let mut refused = 0;
        for round in 0..rounds {
            let text = self.of(texts[round % texts.len()], longest);
            if let Err(error) = parse(&text) {
                refused += 1;
                let error = error.to_string();
                assert!(error.starts_with(place), "{error}");
            }
        }
        (refused, rounds - refused)
    }
}
