//! Recipe keys: blake3 over everything that a result depends on. What goes into a key is the
//! business of whoever makes the result.
//!
//! The bytes that are hashed, format 1 (all numbers are 64 bits, little-endian; a *text* is its
//! length in bytes and then its bytes):
//!
//! ```text
//! key     = text("strata recipe key 1") text(domain) entry*
//! entry   = 0x01 text(name) text(value)               field
//!         | 0x02 text(name) number                    number
//!         | 0x03 text(name) 32 bytes                  key
//!         | 0x04 text(name) (0x01 text(item))* 0x00   list
//! ```
//!
//! Each entry can be read back unambiguously, so two different inputs never give the same bytes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The key of a result: blake3 over its recipe. Text form: 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of nothing, for places where a key must stand and none is known.
    pub const fn zero() -> Self {
        Self([0; 32])
    }

    /// The key's 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a recipe key (64 lower-case hexadecimal digits expected): {0:?}")]
pub struct ParseKeyError(String);

impl FromStr for Key {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseKeyError(text.to_owned());
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(wrong());
        }
        blake3::Hash::from_hex(text)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| wrong())
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Makes a [`Key`] from labelled parts. The order of the parts matters.
#[derive(Debug, Clone)]
pub struct KeyBuilder(blake3::Hasher);

impl KeyBuilder {
    /// A key in `domain`: what the result is, and the format version of the code that writes it.
    pub fn new(domain: &str) -> Self {
        let mut builder = Self(blake3::Hasher::new());
        builder.text(b"strata recipe key 1");
        builder.text(domain.as_bytes());
        builder
    }

    /// Adds bytes or text.
    pub fn field(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        self.label(1, name);
        self.text(value.as_ref());
        self
    }

    /// Adds a number.
    pub fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.label(2, name);
        self.0.update(&value.to_le_bytes());
        self
    }

    /// Adds another key.
    pub fn key(&mut self, name: &str, value: &Key) -> &mut Self {
        self.label(3, name);
        self.0.update(&value.0);
        self
    }

    /// Adds a list, in the order in which it comes.
    pub fn list(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> &mut Self {
        self.label(4, name);
        for item in items {
            self.0.update(&[1]);
            self.text(item.as_ref());
        }
        self.0.update(&[0]);
        self
    }

    /// The key of what was added so far.
    pub fn finish(&self) -> Key {
        Key(*self.0.finalize().as_bytes())
    }

    fn label(&mut self, kind: u8, name: &str) {
        self.0.update(&[kind]);
        self.text(name.as_bytes());
    }

    fn text(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden() {
        let empty = KeyBuilder::new("").finish();
        let mut builder = KeyBuilder::new("test 1");
        builder
            .field("text", "value")
            .field("bytes", [0, 255])
            .number("number", 42);
        builder
            .key("key", &Key::zero())
            .list("list", ["a", "bc"])
            .list("none", [""; 0]);
        let all = builder.finish();
        // A change of these makes every store's results unreachable: bump the text in `new`.
        assert_eq!(
            empty.to_string(),
            "3022530bd6dac93c7db9bf824673deef7f7c2980e0b7911a9a625782e94d3992"
        );
        assert_eq!(
            all.to_string(),
            "47c3d9e1e24c3df5eeb9fc943c8eb285339fbf006aacee0d2ef232f78dfab926"
        );
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let number = |n: u64| n.to_le_bytes().to_vec();
        let text = |t: &str| [number(t.len() as u64), t.into()].concat();
        let bytes = [
            text("strata recipe key 1"),
            text("d"),
            [vec![1], text("f"), text("v")].concat(),
            [vec![2], text("n"), number(258)].concat(),
            [vec![3], text("k"), vec![0; 32]].concat(),
            [
                vec![4],
                text("l"),
                vec![1],
                text("x"),
                vec![1],
                text(""),
                vec![0],
            ]
            .concat(),
        ];
        let mut builder = KeyBuilder::new("d");
        builder
            .field("f", "v")
            .number("n", 258)
            .key("k", &Key::zero())
            .list("l", ["x", ""]);
        assert_eq!(
            builder.finish().as_bytes(),
            blake3::hash(&bytes.concat()).as_bytes()
        );
    }

    #[test]
    fn nothing_collides() {
        let key = |make: fn(&mut KeyBuilder) -> &mut KeyBuilder| {
            let mut builder = KeyBuilder::new("d");
            make(&mut builder).finish()
        };
        let mut keys = vec![
            KeyBuilder::new("d").finish(),
            KeyBuilder::new("dd").finish(),
            key(|b| b.field("a", "")),
            key(|b| b.field("", "a")),
            key(|b| b.field("a", "b")),
            key(|b| b.field("ab", "")),
            key(|b| b.field("a", "b").field("c", "d")),
            key(|b| b.field("c", "d").field("a", "b")),
            key(|b| b.number("a", 0)),
            key(|b| b.field("a", [0; 8])),
            key(|b| b.key("a", &Key::zero())),
            key(|b| b.field("a", [0; 32])),
            key(|b| b.list("a", [""; 0])),
            key(|b| b.list("a", [""])),
            key(|b| b.list("a", ["", ""])),
            key(|b| b.list("a", ["bc"])),
            key(|b| b.list("a", ["b", "c"])),
            key(|b| b.list("a", ["b"]).list("a", ["c"])),
        ];
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn text_form() {
        let key = KeyBuilder::new("x").finish();
        assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(json, format!("\"{key}\""));
        assert_eq!(serde_json::from_str::<Key>(&json).unwrap(), key);
        for bad in [
            "",
            "00",
            &"AB".repeat(32),
            &"zz".repeat(32),
            &"ab".repeat(33),
        ] {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
        assert_eq!(Key::zero().to_string(), "0".repeat(64));
    }
}
