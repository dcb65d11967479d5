//! The keys that a suite's signature is held against, and what it takes for one to count (RFC 9580).

use std::path::{Path, PathBuf};

use pgp::{
    composed::{CleartextSignedMessage, Deserializable, SignedPublicKey},
    packet::{Signature, SignatureType},
    types::{KeyDetails, Tag, Timestamp},
};

use crate::{Error, Result};

/// Names a keyring of one's own.
const VARIABLE: &str = "STRATA_DEBIAN_KEYRING";
/// Where Debian's keyring package puts its keys.
const FOLDER: &str = "/usr/share/keyrings";
const FILES: [&str; 2] = ["debian-archive-keyring.pgp", "debian-archive-keyring.gpg"];

/// Public keys, and where they come from.
#[derive(Debug)]
pub struct Keyring {
    name: String,
    keys: Vec<SignedPublicKey>,
}

impl Keyring {
    /// The file that `STRATA_DEBIAN_KEYRING` names, else the host's `debian-archive-keyring`.
    /// `None` when there is neither.
    ///
    /// # Errors
    /// A file that cannot be read, or has no keys.
    pub fn of_host() -> Result<Option<Self>> {
        if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            return Self::read(&PathBuf::from(path)).map(Some);
        }
        let files = FILES.iter().map(|file| Path::new(FOLDER).join(file));
        match files.into_iter().find(|path| path.is_file()) {
            Some(path) => Self::read(&path).map(Some),
            None => Ok(None),
        }
    }

    /// The keys of a file, binary or armored.
    ///
    /// # Errors
    /// As [`Keyring::of_host`].
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&path.display().to_string(), &bytes)
    }

    /// The keys in `bytes`; `name` stands in messages.
    ///
    /// # Errors
    /// [`Error::Keyring`] when there are none.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        let bad = |problem: String| Error::Keyring {
            keyring: name.to_owned(),
            problem,
        };
        let keys: Vec<SignedPublicKey> = if bytes.starts_with(b"-----BEGIN") {
            let (keys, _) =
                SignedPublicKey::from_armor_many(bytes).map_err(|error| bad(error.to_string()))?;
            keys.filter_map(std::result::Result::ok).collect()
        } else {
            let keys =
                SignedPublicKey::from_bytes_many(bytes).map_err(|error| bad(error.to_string()))?;
            keys.filter_map(std::result::Result::ok).collect()
        };
        if keys.is_empty() {
            return Err(bad("no OpenPGP key is in it".to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            keys,
        })
    }

    /// Verifies a clear-signed text and gives what was signed, and by which keys. `now` is in seconds
    /// since 1970 UTC. One good signature is enough: a suite is signed by several of Debian's keys,
    /// and an older keyring has not all of them.
    ///
    /// # Errors
    /// [`Error::Release`] for a text that is not clear-signed, [`Error::Signature`] when no signature
    /// counts.
    pub fn verify(&self, release: &str, text: &str, now: u32) -> Result<(String, Vec<String>)> {
        let (message, _) =
            CleartextSignedMessage::from_string(text).map_err(|error| Error::Release {
                release: release.to_owned(),
                problem: format!("not a clear-signed text: {error}"),
            })?;
        let signed = message.signed_text();
        let (mut good, mut problems) = (Vec::new(), Vec::new());
        for signature in message.signatures() {
            match self.judge(signature, signed.as_bytes(), now) {
                Ok(key) => good.push(key),
                Err(problem) => problems.push(problem),
            }
        }
        if good.is_empty() {
            if problems.is_empty() {
                problems.push("it has no signature".to_owned());
            }
            return Err(Error::Signature {
                release: release.to_owned(),
                keyring: self.name.clone(),
                problems,
            });
        }
        Ok((signed.replace("\r\n", "\n"), good))
    }

    /// The key that made a signature, in hexadecimal, if the signature counts.
    fn judge(&self, signature: &Signature, text: &[u8], now: u32) -> Result<String, String> {
        let issuer = signature
            .issuer_fingerprint()
            .first()
            .map(|key| format!("{key:X}"))
            .or_else(|| {
                signature
                    .issuer_key_id()
                    .first()
                    .map(|key| hex(key.as_ref()))
            })
            .unwrap_or_else(|| "(no key named)".to_owned());
        let problem = |what: &str| Err(format!("key {issuer}: {what}"));
        if !matches!(
            signature.typ(),
            Some(SignatureType::Binary | SignatureType::Text)
        ) {
            return problem("not a signature over a text");
        }
        for key in &self.keys {
            let primary = &key.primary_key;
            let by_primary = signature.verify(primary, text).is_ok();
            let subkey = key
                .public_subkeys
                .iter()
                .find(|subkey| !by_primary && signature.verify(&subkey.key, text).is_ok());
            if !by_primary && subkey.is_none() {
                continue;
            }
            let own = own_signatures(key);
            if own.is_empty() {
                return problem("the key has no good signature of its own");
            }
            if !key.details.revocation_signatures.is_empty() {
                return problem("the key was revoked");
            }
            if expired(own.into_iter(), primary.created_at(), now) {
                return problem("the key has expired");
            }
            if let Some(subkey) = subkey {
                let revoked = |s: &Signature| s.typ() == Some(SignatureType::SubkeyRevocation);
                if subkey.signatures.iter().any(revoked) {
                    return problem("the subkey was revoked");
                }
                if subkey.verify_bindings(primary).is_err() {
                    return problem("the subkey's binding is bad");
                }
                if !subkey.signatures.iter().any(|s| s.key_flags().sign()) {
                    return problem("the subkey is not for signing");
                }
                if expired(subkey.signatures.iter(), subkey.key.created_at(), now) {
                    return problem("the subkey has expired");
                }
            }
            let Some(made) = signature.created().map(Timestamp::as_secs) else {
                return problem("the signature has no date");
            };
            // A day for clocks that differ.
            if made > now.saturating_add(86_400) {
                return problem("the signature is from the future");
            }
            let lasts = signature
                .signature_expiration_time()
                .map_or(0, |d| d.as_secs());
            if lasts > 0 && made.saturating_add(lasts) < now {
                return problem("the signature has expired");
            }
            return Ok(issuer);
        }
        problem("not in the keyring, or the text is not what it signed")
    }
}

/// What a key says of itself: its certifications of its names, and signatures over the key alone, as
/// far as they are good. Others may have signed the names too.
fn own_signatures(key: &SignedPublicKey) -> Vec<&Signature> {
    let primary = &key.primary_key;
    let names = key.details.users.iter().flat_map(|user| {
        user.signatures.iter().filter(|signature| {
            signature
                .verify_certification(primary, Tag::UserId, &user.id)
                .is_ok()
        })
    });
    let direct = key.details.direct_signatures.iter();
    names
        .chain(direct.filter(|signature| signature.verify_key(primary).is_ok()))
        .collect()
}

/// Whether the newest of a key's own signatures lets it end before `now`.
fn expired<'s>(
    signatures: impl Iterator<Item = &'s Signature>,
    created: Timestamp,
    now: u32,
) -> bool {
    let newest = signatures.max_by_key(|signature| signature.created().map(Timestamp::as_secs));
    let lasts = newest
        .and_then(Signature::key_expiration_time)
        .map_or(0, |lasts| lasts.as_secs());
    lasts > 0 && created.as_secs().saturating_add(lasts) < now
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
