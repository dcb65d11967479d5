//! What refers to a manifest, such as its SBOM and signatures (distribution-spec, "Listing
//! Referrers"), with the tag that stands in for the API where a registry has none ("Referrers Tag
//! Schema").

use std::collections::BTreeMap;

use lock::Sha256;
use oci_spec::image::{Descriptor, ImageIndex};
use serde_json::{Value, json};

use super::get::media_type;
use crate::{By, Client, Error, Manifest, Repository, Result};

/// How often a list is written that others write as well.
const WRITES: u32 = 3;

impl Client {
    /// The manifests that refer to `digest`; of one artifact type only, where one is given.
    ///
    /// # Errors
    /// [`Error::Odd`] for what is no index, and those of every call: see [`Error`].
    pub fn referrers(
        &self,
        repository: &Repository,
        digest: &Sha256,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>> {
        let doing = format!("listing what refers to {repository}@{}", digest.to_oci());
        let host = self.host(repository);
        let mut first = self.url(
            &host,
            repository,
            &format!("referrers/{}", digest.to_oci()),
            &doing,
        )?;
        if let Some(kind) = artifact_type {
            first.query_pairs_mut().append_pair("artifactType", kind);
        }
        let mut found = Vec::new();
        let api = self.pages(repository, first, media_type::INDEX, &doing, |bytes| {
            let index: ImageIndex =
                serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
            found.extend(index.manifests().iter().cloned());
            Ok(())
        });
        match api {
            // A registry with the API answers with an index, even if nothing refers to the digest.
            Ok(Some(_)) => {}
            Ok(None) => found = self.tagged_referrers(repository, digest, &doing)?,
            // What has no such path says so in one way or another.
            Err(
                Error::Answered {
                    status: 400..=405, ..
                }
                | Error::Odd { .. },
            ) => {
                found = self.tagged_referrers(repository, digest, &doing)?;
            }
            Err(error) => return Err(error),
        }
        // A registry need not filter.
        found.retain(|one| {
            let is = one.artifact_type().as_ref().map(ToString::to_string);
            artifact_type.is_none_or(|wanted| is.as_deref() == Some(wanted))
        });
        Ok(found)
    }

    fn tagged_referrers(
        &self,
        repository: &Repository,
        digest: &Sha256,
        doing: &str,
    ) -> Result<Vec<Descriptor>> {
        let tag = tag(digest);
        let Some(manifest) = self.manifest(repository, By::Tag(&tag), &[media_type::INDEX])? else {
            return Ok(Vec::new());
        };
        let index: ImageIndex =
            serde_json::from_slice(&manifest.bytes).map_err(|error| Error::Odd {
                doing: doing.to_owned(),
                problem: format!("what is tagged {tag} is no index: {error}"),
            })?;
        Ok(index.manifests().clone())
    }

    /// Adds a manifest to the list under the subject's tag. Registries have no way to change a tag only
    /// if it is as it was read, so of two writers at a time one may be lost: the list is read again
    /// after it was written, and written again if need be. What is no list is not overwritten.
    pub(super) fn add_referrer(
        &self,
        repository: &Repository,
        subject: &Sha256,
        kind: &str,
        digest: &Sha256,
        bytes: &[u8],
    ) -> Result<()> {
        let tag = tag(subject);
        let one = descriptor(kind, digest, bytes);
        let doing = format!(
            "listing {repository}@{} among what refers to {}",
            digest.to_oci(),
            subject.to_oci()
        );
        let mut writes = 0;
        loop {
            let old = self.manifest(repository, By::Tag(&tag), &[media_type::INDEX])?;
            let mut manifests = match old {
                None => Vec::new(),
                Some(old) => listed(&old).map_err(|why| Error::Odd {
                    doing: doing.clone(),
                    problem: format!("what is tagged {tag} is no index: {why}"),
                })?,
            };
            if manifests
                .iter()
                .any(|listed| listed["digest"] == one["digest"])
            {
                return Ok(());
            }
            if writes == WRITES {
                return Err(Error::Overwritten { doing, tag, writes });
            }
            manifests.push(one.clone());
            let index = json!({
                "schemaVersion": 2,
                "mediaType": media_type::INDEX,
                "manifests": manifests,
            });
            let text = index.to_string();
            self.put_manifest(
                repository,
                By::Tag(&tag),
                media_type::INDEX,
                text.as_bytes(),
            )?;
            writes += 1;
        }
    }
}

/// The tag that holds the list of what refers to `digest`.
fn tag(digest: &Sha256) -> String {
    format!("sha256-{digest}")
}

/// The entries of a list, as they are written there, or why it is none.
fn listed(index: &Manifest) -> Result<Vec<Value>, String> {
    let document: Value =
        serde_json::from_slice(&index.bytes).map_err(|error| error.to_string())?;
    match (&document["mediaType"], &document["manifests"]) {
        (Value::String(kind), _) if kind != media_type::INDEX => {
            Err(format!("it is of the media type {kind:?}"))
        }
        (_, Value::Array(manifests)) => Ok(manifests.clone()),
        // Go writes an empty list so.
        (Value::String(_), Value::Null) => Ok(Vec::new()),
        _ => Err("it has no list of manifests".to_owned()),
    }
}

/// A referrer's entry: its annotations, and its artifact type or else its config's media type.
fn descriptor(kind: &str, digest: &Sha256, bytes: &[u8]) -> Value {
    let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let text = |value: &Value| {
        value
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let artifact_type = text(&document["artifactType"]).or(text(&document["config"]["mediaType"]));
    let mut entry = BTreeMap::from([
        ("mediaType", json!(kind)),
        ("digest", json!(digest.to_oci())),
        ("size", json!(bytes.len())),
    ]);
    if let Some(artifact_type) = artifact_type {
        entry.insert("artifactType", json!(artifact_type));
    }
    if document["annotations"].is_object() {
        entry.insert("annotations", document["annotations"].clone());
    }
    json!(entry)
}
