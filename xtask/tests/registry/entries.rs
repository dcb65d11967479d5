//! Entries of a cache as somebody else may change them: on the registry's disk, or by writing to the
//! repository.

use std::fs;

use lock::Sha256;
use registry::{BlobSource, Bytes, Repository, media_type};
use serde_json::Value;

use crate::case::{Case, client, repository};

/// The part that most tests are about: it is quickly made.
pub const PART: &str = "ComfyUI";

const SEAL: &str = ",\"strata.seal\":\"";

/// An entry, as it stood when it was read.
#[derive(Debug, Clone)]
pub struct Entry {
    repository: Repository,
    pub tag: String,
    /// The document.
    pub text: String,
}

impl Entry {
    /// The entry of a part in a cache at the case's registry.
    pub fn of(case: &Case, cache: &str, part: &str) -> Self {
        assert!(cache.starts_with(&case.registry.host()));
        let repository = repository(cache);
        let tags = client().tags(&repository).unwrap();
        let entries = tags.into_iter().map(|tag| {
            let found = client().manifest(&repository, tag.as_str(), &[]).unwrap();
            let text = String::from_utf8(found.unwrap().bytes).unwrap();
            Self {
                repository: repository.clone(),
                tag,
                text,
            }
        });
        let named = format!("\\\"name\\\":\\\"{part}\\\"");
        let mut those = entries.filter(|entry| entry.text.contains(&named));
        let found = those.next().unwrap_or_else(|| panic!("no {part:?}"));
        assert!(those.next().is_none(), "{part:?} is there twice");
        found
    }

    /// What it says of its part.
    pub fn part(&self) -> Value {
        let document: Value = serde_json::from_str(&self.text).unwrap();
        let parts = document["annotations"]["strata.parts"].as_str().unwrap();
        let parts: Value = serde_json::from_str(parts).unwrap();
        assert_eq!(parts.as_array().unwrap().len(), 1);
        parts[0].clone()
    }

    fn word(&self, name: &str) -> String {
        let part = self.part();
        match &part[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// The document with one of its part's values taken from another entry's part, wherever it is written.
    pub fn with(&self, name: &str, other: &Self) -> String {
        self.with_value(name, &other.word(name))
    }

    /// The document with another value of its part, wherever it is written.
    pub fn with_value(&self, name: &str, other: &str) -> String {
        let own = self.word(name);
        let text = match own.parse::<u64>() {
            // As a number: in the record, and in the descriptor.
            Ok(_) => {
                let text = self
                    .text
                    .replace(&format!("\"size\":{own}}}"), &format!("\"size\":{other}}}"));
                let key = |value: &str| format!("\\\"{name}\\\":{value},");
                text.replace(&key(&own), &key(other))
            }
            Err(_) => self.text.replace(&own, other),
        };
        assert_ne!(text, self.text, "{name}");
        text
    }

    /// The document with a new seal, as whoever knows no secret can make it.
    pub fn sealed(text: &str) -> String {
        let (before, after) = text.split_once(SEAL).unwrap();
        let (_, end) = after.split_once('"').unwrap();
        let mut hasher = blake3::Hasher::new_derive_key("strata 2026 cache entry without a secret");
        hasher.update(format!("{before}{end}").as_bytes());
        format!("{before}{SEAL}{}\"{end}", hasher.finalize())
    }

    /// Puts a document in its place.
    pub fn replace(&self, text: &str) {
        let (tag, kind) = (self.tag.as_str(), media_type::MANIFEST);
        client()
            .push_manifest(&self.repository, tag, kind, text.as_bytes())
            .unwrap();
    }

    /// The digest of its part's blob.
    pub fn digest(&self) -> String {
        self.word("digest")
    }

    /// Changes one byte of its part's blob on the registry's disk.
    pub fn damage_blob(&self, case: &Case) {
        let path = case.registry.blob(&self.digest());
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    }

    /// Removes its part's blob from the registry's disk.
    pub fn remove_blob(&self, case: &Case) {
        fs::remove_file(case.registry.blob(&self.digest())).unwrap();
    }

    /// Changes the document itself on the registry's disk.
    pub fn damage(&self, case: &Case) {
        let digest: Sha256 = Bytes::new(self.text.clone().into_bytes()).digest();
        let path = case.registry.blob(&digest.to_string());
        let text = self
            .text
            .replacen("\"schemaVersion\":2", "\"schemaVersion\": 2", 1);
        fs::write(path, text).unwrap();
    }
}
