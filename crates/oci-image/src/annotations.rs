//! The annotations by which the layers of our images say what they are. They stand at the descriptors of a
//! manifest, where registries and engines keep them and pass over them.
//!
//! | annotation | holds |
//! |---|---|
//! | `strata.part` | the layer's name and the part's: `torch: nvidia-cudnn-cu13` |
//! | `strata.tars` | the key of the recipe of its tar, whatever that is compressed with: 64 hexadecimal digits |
//! | `strata.kind` | what its packages are: `deb`, `wheel`, `source`, `git` or `archive` |
//! | `strata.packages` | `name==version` of each, sorted, with spaces between; a space in a name is `%20` |
//!
//! The manifest itself has `strata.debian`: the suite and its date, which the Debian system's files are dated
//! by, with a space between. An edition that stands on the image keeps to it, or its system would be another.

use std::collections::BTreeMap;

use store::Key;

/// The part's name.
pub const PART: &str = "strata.part";
/// The key of its tars.
pub const TARS: &str = "strata.tars";
/// The kind of its packages.
pub const KIND: &str = "strata.kind";
/// Its packages.
pub const PACKAGES: &str = "strata.packages";

/// The Debian suite and its date, of the whole image.
pub const DEBIAN: &str = "strata.debian";

/// What a layer of an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The part's name, for people.
    pub part: String,
    /// The key of its tars.
    pub tars: Key,
    /// The kind of its packages; empty where it has none.
    pub kind: String,
    /// Its packages, by name and version.
    pub packages: Vec<(String, String)>,
}

impl Held {
    /// Reads a descriptor's annotations; `None` where they are not ours. Ours have no control characters, which
    /// a terminal would obey.
    pub fn read(annotations: &BTreeMap<String, String>) -> Option<Self> {
        let mut texts = [PART, TARS, KIND, PACKAGES].into_iter();
        let is_raw = |text: &String| text.contains(char::is_control);
        if texts.any(|name| annotations.get(name).is_some_and(is_raw)) {
            return None;
        }
        let text = |name: &str| annotations.get(name).cloned();
        let packages = text(PACKAGES).unwrap_or_default();
        let packages = packages.split(' ').filter_map(|one| one.split_once("=="));
        Some(Self {
            part: text(PART).unwrap_or_default(),
            tars: text(TARS)?.parse().ok()?,
            kind: text(KIND).unwrap_or_default(),
            packages: packages
                .map(|(name, version)| (plain(name), plain(version)))
                .collect(),
        })
    }
}

/// Packages as their annotation has them.
pub fn packages_text<'p>(packages: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let packages = packages.into_iter();
    let mut words: Vec<String> = packages
        .map(|(name, version)| format!("{}=={}", word(name), word(version)))
        .collect();
    words.sort();
    words.join(" ")
}

/// Names of trees are what a person calls them, and may have spaces.
fn word(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '=' => out.push_str("%3D"),
            c if c.is_whitespace() || c.is_control() => out.push_str("%20"),
            c => out.push(c),
        }
    }
    out
}

fn plain(text: &str) -> String {
    text.replace("%20", " ")
        .replace("%3D", "=")
        .replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        let text = packages_text([("b", "1"), ("My Node", "1=2%"), ("a", "1:2~3+4-5")]);
        assert_eq!(text, "My%20Node==1%3D2%25 a==1:2~3+4-5 b==1");
        let key = Key::zero().to_string();
        let all = [(PART, "deps: x"), (TARS, &key), (PACKAGES, &text)];
        let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let held = Held::read(&all.into()).unwrap();
        let names: Vec<_> = held
            .packages
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["My Node", "a", "b"]);
        assert_eq!(held.packages[0].1, "1=2%");
    }

    #[test]
    fn what_is_not_ours_says_nothing() {
        assert_eq!(Held::read(&BTreeMap::new()), None);
        let bad = BTreeMap::from([(TARS.to_owned(), "12".to_owned())]);
        assert_eq!(Held::read(&bad), None);
        let part = |text: &str| {
            let all = [(PART, text), (TARS, &Key::zero().to_string())];
            let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Held::read(&all.into())
        };
        assert!(part("deps: x").is_some());
        assert_eq!(part("deps: \x1b[2Jx"), None);
    }
}
