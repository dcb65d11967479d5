//! Seals: what an entry says, bound together, with a secret where there is one.

use std::fmt;

/// The variable with the secret.
const VARIABLE: &str = "STRATA_CACHE_SECRET";

/// What seals are made and checked with. `Debug` does not show it.
#[derive(Clone, Default)]
pub struct Secret(Option<[u8; blake3::KEY_LEN]>);

impl Secret {
    /// A secret of any bytes and length; an empty one is none.
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        let secret = secret.as_ref();
        let key = || blake3::derive_key("strata 2026 cache secret", secret);
        Self((!secret.is_empty()).then(key))
    }

    /// The secret in `STRATA_CACHE_SECRET`, if that is set.
    pub fn from_env() -> Self {
        // Whatever it is: one that is no text must not count as none.
        Self::new(
            std::env::var_os(VARIABLE)
                .unwrap_or_default()
                .as_encoded_bytes(),
        )
    }

    /// The seal of a text. Without a secret it only holds together what belongs together.
    pub(crate) fn seal(&self, text: &[u8]) -> Seal {
        let mut hasher = match &self.0 {
            Some(key) => blake3::Hasher::new_keyed(key),
            None => blake3::Hasher::new_derive_key("strata 2026 cache entry without a secret"),
        };
        Seal(hasher.update(text).finalize())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Secret(set)",
            None => "Secret(none)",
        })
    }
}

/// A seal. Comparing two takes the same time whatever they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seal(blake3::Hash);

impl Seal {
    pub(crate) fn is(&self, text: &str) -> bool {
        blake3::Hash::from_hex(text).is_ok_and(|other| other == self.0)
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_fits_its_text_and_its_secret() {
        let seal = |secret: &str, text: &str| Secret::new(secret).seal(text.as_bytes()).to_string();
        let is = |secret: &str, text: &str, seal: &str| {
            Secret::new(secret).seal(text.as_bytes()).is(seal)
        };
        let sealed = seal("s", "text");
        assert!(is("s", "text", &sealed));
        assert!(!is("s", "texT", &sealed));
        assert!(!is("t", "text", &sealed));
        assert!(!is("", "text", &sealed));
        assert!(is("", "text", &seal("", "text")));
        assert!(!is("s", "text", &seal("", "text")));
        assert!(!is("", "text", "no seal"));
    }
}
