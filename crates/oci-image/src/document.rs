//! Manifests, indexes and configs of images, OCI's and Docker's, as far as they are read here (OCI image
//! specification 1.1; Docker image manifest version 2, schema 2).

use std::collections::BTreeMap;

use decode::Encoding;
use lock::Sha256;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::{Error, Result};

/// The largest manifest or index that is read: what registries take, too.
pub(crate) const DOCUMENT: u64 = 4 << 20;
/// The largest config that is read.
pub(crate) const CONFIG: u64 = 16 << 20;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

const MANIFESTS: [&str; 2] = [
    MANIFEST,
    "application/vnd.docker.distribution.manifest.v2+json",
];
const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
const OLD: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

/// How a layer is packed, by the name that OCI has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaType {
    /// A tar.
    Tar,
    /// A tar in gzip.
    Gzip,
    /// A tar in zstd.
    Zstd,
}

impl MediaType {
    /// OCI's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tar => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }

    /// Its decoder.
    pub fn encoding(self) -> Encoding {
        match self {
            Self::Tar => Encoding::Plain,
            Self::Gzip => Encoding::Gzip,
            Self::Zstd => Encoding::Zstd,
        }
    }

    /// OCI's and Docker's names. Docker's layers are the same bytes, and so keep their digests.
    fn parse(text: &str) -> Option<Self> {
        match text {
            "application/vnd.oci.image.layer.v1.tar"
            | "application/vnd.docker.image.rootfs.diff.tar" => Some(Self::Tar),
            "application/vnd.oci.image.layer.v1.tar+gzip"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip" => Some(Self::Gzip),
            "application/vnd.oci.image.layer.v1.tar+zstd"
            | "application/vnd.docker.image.rootfs.diff.tar.zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// What names a blob.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Platform {
    pub os: String,
    pub architecture: String,
}

impl Platform {
    pub fn is(&self, wanted: &str) -> bool {
        self.to_string() == wanted
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

impl Descriptor {
    /// Its digest; only sha256 names what a store has.
    pub fn sha256(&self, image: &str) -> Result<Sha256> {
        let digest = self.digest.strip_prefix("sha256:");
        digest
            .and_then(|hex| hex.parse().ok())
            .ok_or_else(|| Error::Document {
                image: image.to_owned(),
                document: "its manifest",
                problem: format!("{:?} is not a sha256 digest", self.digest),
            })
    }

    pub fn is_index(&self) -> bool {
        INDEXES.contains(&self.media_type.as_str())
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A document that a name leads to.
#[derive(Debug)]
pub(crate) enum Document {
    Manifest(Manifest),
    Index(Vec<Descriptor>),
}

impl Document {
    pub fn parse(image: &str, bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Head {
            #[serde(default)]
            media_type: String,
            #[serde(default)]
            schema_version: u32,
            manifests: Option<Vec<Descriptor>>,
            config: Option<IgnoredAny>,
            layers: Option<IgnoredAny>,
        }
        let bad = |problem: String| Error::Document {
            image: image.to_owned(),
            document: "its manifest",
            problem,
        };
        let head: Head = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        if OLD.contains(&head.media_type.as_str()) || head.schema_version == 1 {
            return Err(bad(
                "it is of Docker's version 1, which names no layers by their contents\n\
                 hint: push the image again with a newer engine"
                    .to_owned(),
            ));
        }
        // A document that is both would be one to us and the other to the next reader, under the same digest
        // (CVE-2021-41190).
        let is_image = head.config.is_some() || head.layers.is_some();
        let (form, types) = match &head.manifests {
            Some(_) if is_image => {
                return Err(bad(
                    "it is an index and an image's manifest in one".to_owned()
                ));
            }
            Some(_) => ("an index", INDEXES),
            None => ("an image's manifest", MANIFESTS),
        };
        let media_type = head.media_type.as_str();
        if !media_type.is_empty() && !types.contains(&media_type) {
            return Err(bad(format!(
                "by its form it is {form}, by its own word {media_type:?}"
            )));
        }
        match head.manifests {
            Some(manifests) => Ok(Self::Index(manifests)),
            None => serde_json::from_slice(bytes)
                .map(Self::Manifest)
                .map_err(|error| bad(error.to_string())),
        }
    }
}

/// The one of an index that is for a platform.
pub(crate) fn for_platform<'d>(
    image: &str,
    manifests: &'d [Descriptor],
    platform: &str,
) -> Result<&'d Descriptor> {
    let fits = |one: &&Descriptor| one.platform.as_ref().is_some_and(|is| is.is(platform));
    if let Some(found) = manifests.iter().find(fits) {
        return Ok(found);
    }
    // An index with one image may leave the platform to the image's config.
    if let [only] = manifests
        && only.platform.is_none()
    {
        return Ok(only);
    }
    let has = manifests.iter().filter_map(|one| one.platform.as_ref());
    let mut has: Vec<String> = has.map(Platform::to_string).collect();
    has.retain(|one| one != "unknown/unknown");
    has.sort();
    has.dedup();
    Err(Error::Platform {
        image: image.to_owned(),
        found: match has.is_empty() {
            true => "no platform that it names".to_owned(),
            false => has.join(", "),
        },
        wanted: platform.to_owned(),
    })
}

/// A layer's type, where it can be carried over into an image of ours.
pub(crate) fn layer_type(image: &str, layer: &Descriptor) -> Result<(Sha256, MediaType)> {
    let digest = layer.sha256(image)?;
    let refuse = |why, hint| {
        Err(Error::Layer {
            image: image.to_owned(),
            digest,
            media_type: layer.media_type.clone(),
            why,
            hint,
        })
    };
    let kind = layer.media_type.as_str();
    if kind.contains("encrypted") {
        return refuse(
            "which is encrypted",
            "decrypt the image first, and stand on what comes of it",
        );
    }
    if kind.contains("foreign") || kind.contains("nondistributable") || !layer.urls.is_empty() {
        return refuse(
            "which no registry may pass on",
            "take an image without such layers",
        );
    }
    match MediaType::parse(kind) {
        Some(media_type) => Ok((digest, media_type)),
        None => refuse(
            "which is no layer that engines unpack",
            "take an image of OCI's or Docker's form: tar, in gzip or zstd or plain",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(media_type: &str) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            digest: format!("sha256:{}", "ab".repeat(32)),
            size: 1,
            annotations: BTreeMap::new(),
            urls: Vec::new(),
            platform: None,
        }
    }

    #[test]
    fn types_of_layers() {
        let of = |text: &str| layer_type("x", &layer(text)).map(|(_, media_type)| media_type);
        let docker = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        assert_eq!(of(docker).unwrap(), MediaType::Gzip);
        for media_type in [MediaType::Tar, MediaType::Gzip, MediaType::Zstd] {
            assert_eq!(of(media_type.as_str()).unwrap(), media_type);
        }
        for (bad, why) in [
            (
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                "pass on",
            ),
            (
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                "pass on",
            ),
            (
                "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
                "is encrypted",
            ),
            (
                "application/vnd.in-toto+json",
                "no layer that engines unpack",
            ),
        ] {
            let error = of(bad).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("hint: "), "{error}");
        }
        let mut elsewhere = layer(docker);
        elsewhere.urls.push("https://example.org/x".to_owned());
        assert!(layer_type("x", &elsewhere).is_err());
        let mut other = layer(docker);
        other.digest = format!("sha512:{}", "ab".repeat(64));
        assert!(
            layer_type("x", &other)
                .unwrap_err()
                .to_string()
                .contains("not a sha256")
        );
    }

    #[test]
    fn one_of_an_index_is_for_the_platform() {
        let of = |platform: Option<(&str, &str)>| Descriptor {
            platform: platform.map(|(os, architecture)| Platform {
                os: os.to_owned(),
                architecture: architecture.to_owned(),
            }),
            ..layer(MANIFEST)
        };
        let list = [of(Some(("linux", "arm64"))), of(Some(("linux", "amd64")))];
        let found = for_platform("x", &list, "linux/amd64").unwrap();
        assert!(found.platform.as_ref().unwrap().is("linux/amd64"));
        let error = for_platform("x", &list[..1], "linux/amd64").unwrap_err();
        assert!(
            error.to_string().contains("x is for linux/arm64"),
            "{error}"
        );
        assert!(for_platform("x", &[of(None)], "linux/amd64").is_ok());
    }

    #[test]
    fn old_and_broken_manifests_are_told() {
        let old = br#"{"schemaVersion":1,"name":"x"}"#;
        let error = Document::parse("x", old).unwrap_err().to_string();
        assert!(error.contains("version 1"), "{error}");
        for bad in ["", "[]", "{}", "{\"config\":1}"] {
            assert!(Document::parse("x", bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_document_is_one_thing() {
        let parse = |mut document: serde_json::Value, media_type: &str| {
            if !media_type.is_empty() {
                document["mediaType"] = media_type.into();
            }
            let bytes = serde_json::to_vec(&document).unwrap();
            Document::parse("x", &bytes).map_err(|error| error.to_string())
        };
        let config = serde_json::to_value(layer("x")).unwrap();
        let image = serde_json::json!({"schemaVersion": 2, "config": config, "layers": []});
        let index = serde_json::json!({"schemaVersion": 2, "manifests": []});
        for fine in MANIFESTS.into_iter().chain([""]) {
            assert!(matches!(
                parse(image.clone(), fine),
                Ok(Document::Manifest(_))
            ));
        }
        for fine in INDEXES.into_iter().chain([""]) {
            assert!(matches!(parse(index.clone(), fine), Ok(Document::Index(_))));
        }
        let mut both = image.clone();
        both["manifests"] = serde_json::json!([]);
        for media_type in ["", MANIFEST, INDEXES[0]] {
            let error = parse(both.clone(), media_type).unwrap_err();
            assert!(error.contains("in one"), "{error}");
        }
        for (document, other) in [(image, INDEXES[0]), (index, MANIFEST)] {
            let error = parse(document, other).unwrap_err();
            assert!(error.contains("by its own word"), "{error}");
        }
    }
}
