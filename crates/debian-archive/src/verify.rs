//! Signatures of InRelease files: cleartext signatures (RFC 9580, section 7) by the keys of a
//! keyring. A signature counts if its key, or the primary key and the binding of its subkey, are
//! valid at the time of checking: self-signed, made for signing, not expired, not revoked.

use pgp::{
    composed::{CleartextSignedMessage, SignedPublicKey, SignedPublicSubKey},
    crypto::hash::HashAlgorithm,
    packet::{Signature, SignatureType},
    types::{KeyDetails, Tag, Timestamp},
};

use crate::{Error, Result, keyring::Keyring};

/// A text that was signed, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The text, without the signature's escapes.
    pub text: String,
    /// Fingerprints of the keys whose signatures are valid, as hexadecimal digits.
    pub signers: Vec<String>,
}

/// Checks a cleartext-signed file. One valid signature by a key of `keyring` is enough. `release`
/// stands in messages; `now` is the time of checking, in seconds since 1970.
///
/// # Errors
/// [`Error::Release`] for a file that is not signed text and nothing else, and
/// [`Error::Signature`] when no signature counts, with what is wrong with each.
pub fn verify(release: &str, bytes: &[u8], keyring: &Keyring, now: u32) -> Result<Signed> {
    let wrong = |problem: String| Error::Release {
        release: release.to_owned(),
        problem,
    };
    let text = std::str::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
    let (message, _) = CleartextSignedMessage::from_string(text)
        .map_err(|error| wrong(format!("expected a signed text and nothing else: {error}")))?;
    let signed = message.signed_text();
    let (mut signers, mut problems) = (Vec::new(), Vec::new());
    for signature in message.signatures() {
        match signer(signature, signed.as_bytes(), keyring, now) {
            Ok(signer) => signers.push(signer),
            Err(problem) => problems.push(problem),
        }
    }
    if signers.is_empty() {
        if problems.is_empty() {
            problems.push("it has no signature".to_owned());
        }
        return Err(Error::Signature {
            release: release.to_owned(),
            keyring: keyring.from.clone(),
            problems,
        });
    }
    signers.sort_unstable();
    signers.dedup();
    Ok(Signed {
        text: signed.replace("\r\n", "\n"),
        signers,
    })
}

/// The fingerprint of the key that made a signature, if the signature counts. The error is a
/// sentence.
fn signer(
    signature: &Signature,
    signed: &[u8],
    keyring: &Keyring,
    now: u32,
) -> Result<String, String> {
    let issuer = issuer(signature);
    let made_for_text = matches!(
        signature.typ(),
        Some(SignatureType::Text | SignatureType::Binary)
    );
    if !made_for_text {
        return Err(format!("{issuer}: not a signature of a text"));
    }
    fresh(signature, now).map_err(|problem| format!("{issuer}: {problem}"))?;
    let mut problem = format!("{issuer}: no such key");
    for key in &keyring.keys {
        let primary = matches(signature, &key.primary_key);
        if primary && signature.verify(&key.primary_key, signed).is_ok() {
            match signing_primary(key, now) {
                Ok(()) => return Ok(key.primary_key.fingerprint().to_string()),
                Err(wrong) => problem = format!("{issuer}: {wrong}"),
            }
        } else if primary {
            problem = format!("{issuer}: bad signature");
        }
        for subkey in &key.public_subkeys {
            if !matches(signature, &subkey.key) {
                continue;
            }
            let checked = match signature.verify(&subkey.key, signed) {
                Ok(()) => signing_subkey(key, subkey, now),
                Err(_) => Err("bad signature".to_owned()),
            };
            match checked {
                Ok(()) => return Ok(subkey.key.fingerprint().to_string()),
                Err(wrong) => problem = format!("{issuer}: {wrong}"),
            }
        }
    }
    Err(problem)
}

fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint();
    let fingerprint = fingerprint.first().map(ToString::to_string);
    let id = signature.issuer_key_id();
    let id = id.first().map(ToString::to_string);
    fingerprint
        .or(id)
        .unwrap_or_else(|| "unnamed key".to_owned())
}

/// Whether a signature says that it was made by this key.
fn matches(signature: &Signature, key: &impl KeyDetails) -> bool {
    let fingerprints = signature.issuer_fingerprint();
    if fingerprints.is_empty() {
        signature.issuer_key_id().contains(&&key.legacy_key_id())
    } else {
        fingerprints.contains(&&key.fingerprint())
    }
}

/// Whether a signature of any kind has begun, has not ended, and hashes with what is not broken.
fn fresh(signature: &Signature, now: u32) -> Result<(), String> {
    let strong = [
        HashAlgorithm::Sha224,
        HashAlgorithm::Sha256,
        HashAlgorithm::Sha384,
        HashAlgorithm::Sha512,
        HashAlgorithm::Sha3_256,
        HashAlgorithm::Sha3_512,
    ];
    if !signature
        .hash_alg()
        .is_some_and(|hash| strong.contains(&hash))
    {
        return Err("a signature over a weak hash".to_owned());
    }
    let created = signature.created().map(Timestamp::as_secs);
    let created = created.ok_or("a signature without a time")?;
    if created > now {
        return Err("a signature made in the future; is the clock right?".to_owned());
    }
    let lasts = signature.signature_expiration_time();
    ends(
        created,
        lasts.map(|lasts| lasts.as_secs()),
        now,
        "the signature",
    )
}

/// Whether what began at `created` and lasts so long, zero standing for ever, has ended.
fn ends(created: u32, lasts: Option<u32>, now: u32, what: &str) -> Result<(), String> {
    let lasts = lasts.filter(|lasts| *lasts > 0);
    if lasts.is_some_and(|lasts| created.saturating_add(lasts) <= now) {
        return Err(format!("{what} has expired"));
    }
    Ok(())
}

/// The newest of the signatures that are fresh and check.
fn newest<'s>(
    signatures: impl IntoIterator<Item = &'s Signature>,
    now: u32,
    check: impl Fn(&Signature) -> bool,
) -> Option<&'s Signature> {
    let fresh = signatures
        .into_iter()
        .filter(|signature| fresh(signature, now).is_ok() && check(signature));
    fresh.max_by_key(|signature| signature.created().map(Timestamp::as_secs))
}

/// A primary key's own newest signature over itself, the key being valid.
fn valid_primary(key: &SignedPublicKey, now: u32) -> Result<&Signature, String> {
    let primary = &key.primary_key;
    let own = |signature: &Signature| signature.verify_key(primary).is_ok();
    if key.details.revocation_signatures.iter().any(own) {
        return Err("the key is revoked".to_owned());
    }
    let direct = key.details.direct_signatures.iter();
    let direct = newest(direct, now, own);
    let named = key.details.users.iter().filter_map(|user| {
        let own = |signature: &Signature| {
            signature
                .verify_certification(primary, Tag::UserId, &user.id)
                .is_ok()
        };
        newest(&user.signatures, now, own)
    });
    // A certification that takes a name back makes that name's others void.
    let named = named.filter(|signature| signature.typ() != Some(SignatureType::CertRevocation));
    let newest = named
        .chain(direct)
        .max_by_key(|signature| signature.created().map(Timestamp::as_secs))
        .ok_or("the key has no valid signature of its own")?;
    let lasts = newest.key_expiration_time().map(|lasts| lasts.as_secs());
    ends(primary.created_at().as_secs(), lasts, now, "the key")?;
    Ok(newest)
}

fn signing_primary(key: &SignedPublicKey, now: u32) -> Result<(), String> {
    if valid_primary(key, now)?.key_flags().sign() {
        Ok(())
    } else {
        Err("the key is not made for signing".to_owned())
    }
}

fn signing_subkey(
    key: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    now: u32,
) -> Result<(), String> {
    valid_primary(key, now)?;
    let (primary, own) = (&key.primary_key, &subkey.key);
    let checks = |signature: &Signature| signature.verify_subkey_binding(primary, own).is_ok();
    let revokes = |signature: &&Signature| signature.typ() == Some(SignatureType::SubkeyRevocation);
    if subkey.signatures.iter().filter(revokes).any(checks) {
        return Err("the subkey is revoked".to_owned());
    }
    let binding = newest(&subkey.signatures, now, checks).ok_or("the subkey is not bound")?;
    let back = binding.embedded_signature();
    let bound_back = back.is_some_and(|back| {
        fresh(back, now).is_ok() && back.verify_primary_key_binding(own, primary).is_ok()
    });
    if !binding.key_flags().sign() || !bound_back {
        return Err("the subkey is not made for signing".to_owned());
    }
    let lasts = binding.key_expiration_time().map(|lasts| lasts.as_secs());
    ends(own.created_at().as_secs(), lasts, now, "the subkey")
}
