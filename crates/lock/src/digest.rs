//! A sha256 digest as a value: parsed from and written as 64 lower-case hexadecimal digits.

use crate::hex::text_form;

/// A sha256 digest (FIPS 180-4). Text form: 64 lower-case hexadecimal digits, without a
/// prefix; one with the `sha256:` of OCI is read too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// The digest in the form that OCI descriptors use: `sha256:<hex>`.
    pub fn to_oci(&self) -> String {
        format!("sha256:{self}")
    }
}

text_form!(
    Sha256,
    ParseSha256Error,
    "not a sha256 digest (64 lower-case hexadecimal digits expected): {0:?}",
    "sha256:"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_prefix() {
        let hex = "00ff10".to_owned() + &"ab".repeat(29);
        let digest: Sha256 = hex.parse().unwrap();
        assert_eq!(digest.to_string(), hex);
        assert_eq!(digest.to_oci().parse::<Sha256>().unwrap(), digest);
    }

    #[test]
    fn refuses_what_is_not_a_digest() {
        for bad in [
            "",
            "00",
            &"AB".repeat(32),
            &"zz".repeat(32),
            &"ab".repeat(33),
        ] {
            assert!(bad.parse::<Sha256>().is_err(), "{bad}");
        }
    }
}
