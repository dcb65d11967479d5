//! The name of an object in git as a value: parsed from and written as 40 lower-case hexadecimal digits.

use crate::hex::text_form;

/// The name of a commit, tree or file in a git repository whose objects are named by SHA-1
/// (gitrepository-layout(5)). Text form: 40 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub [u8; 20]);

impl ObjectId {
    /// The first twelve digits, for people.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

text_form!(
    ObjectId,
    ParseObjectIdError,
    "not a git commit or tree (40 lower-case hexadecimal digits expected): {0:?}",
    ""
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form() {
        let text = "0123456789abcdef0123456789abcdef01234567";
        let id: ObjectId = text.parse().unwrap();
        assert_eq!((id.to_string().as_str(), id.0[1]), (text, 0x23));
        assert_eq!(id.short(), "0123456789ab");
        for bad in [
            "",
            "0123",
            &text.to_uppercase(),
            &format!("{text}00"),
            "main",
        ] {
            assert!(bad.parse::<ObjectId>().is_err(), "{bad}");
        }
    }
}
