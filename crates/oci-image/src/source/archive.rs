//! An image as one tar: an OCI archive, or what `docker save` and its kin write (`manifest.json`, a config,
//! and the layers' tars). Of the latter a manifest is made here: the same for the same config and layers.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use lock::Sha256;
use serde::Deserialize;

use super::{Place, named::named, read_all, sha256};
use crate::{
    Error, Result,
    document::{CONFIG, DOCUMENT, Descriptor, MANIFEST, Manifest, MediaType},
};

/// Where a member's bytes are in the archive: offset and size.
type Stretch = (u64, u64);

#[derive(Debug)]
pub(crate) struct Archive {
    image: String,
    path: PathBuf,
    tag: Option<String>,
    members: BTreeMap<String, Stretch>,
    /// What is not named by its digest in there: the members of a Docker archive.
    blobs: BTreeMap<Sha256, Stretch>,
    /// The manifest that was made for a Docker archive.
    made: Option<(Sha256, Vec<u8>)>,
}

/// One image in Docker's `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl Archive {
    pub(crate) fn open(image: &str, path: &Path, tag: Option<String>) -> Result<Self> {
        let io = |source| Error::Io {
            image: image.to_owned(),
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let members = members(file).map_err(|source| Error::Source {
            image: image.to_owned(),
            problem: format!("{} is no tar archive: {source}", path.display()),
            hint: "an archive is not compressed as a whole; unpack it if it is",
        })?;
        let mut archive = Self {
            image: image.to_owned(),
            path: path.to_owned(),
            tag,
            members,
            blobs: BTreeMap::new(),
            made: None,
        };
        if !archive.members.contains_key("index.json") {
            archive.made = Some(archive.of_docker()?);
        }
        Ok(archive)
    }

    fn open_at(&self, (offset, size): Stretch) -> Result<Box<dyn Read + Send>> {
        let opened = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        });
        match opened {
            Ok(file) => Ok(Box::new(file.take(size))),
            Err(source) => Err(Error::Io {
                image: self.image.clone(),
                path: self.path.clone(),
                source,
            }),
        }
    }

    fn member(&self, document: &'static str, name: &str, limit: u64) -> Result<Vec<u8>> {
        let stretch = self.members.get(name).ok_or_else(|| {
            self.bad(
                document,
                format!("{name} is not in the archive, or no plain file"),
            )
        })?;
        let mut reader = self.open_at(*stretch)?;
        read_all(&self.image, document, &mut reader, limit).map_err(|source| Error::Io {
            image: self.image.clone(),
            path: self.path.clone(),
            source,
        })?
    }

    fn bad(&self, document: &'static str, problem: String) -> Error {
        Error::Document {
            image: self.image.clone(),
            document,
            problem,
        }
    }

    /// The manifest of a Docker archive.
    fn of_docker(&mut self) -> Result<(Sha256, Vec<u8>)> {
        const DOCUMENT_NAME: &str = "manifest.json";
        if !self.members.contains_key(DOCUMENT_NAME) {
            return Err(Error::Source {
                image: self.image.clone(),
                problem: format!("{} has no image in it", self.path.display()),
                hint: "an image's archive has an index.json or a manifest.json at its top",
            });
        }
        let bytes = self.member(DOCUMENT_NAME, DOCUMENT_NAME, DOCUMENT)?;
        let mut saved: Vec<Saved> = serde_json::from_slice(&bytes)
            .map_err(|error| self.bad(DOCUMENT_NAME, error.to_string()))?;
        if let Some(tag) = &self.tag {
            let end = format!(":{tag}");
            saved.retain(|one| {
                let tags = one.repo_tags.iter().flatten();
                tags.into_iter().any(|name| name.ends_with(&end))
            });
        }
        let [one] = saved.as_slice() else {
            return Err(Error::Source {
                image: self.image.clone(),
                problem: format!("{} images in the archive are meant", saved.len()),
                hint: "say which: write the tag at the end, after a colon",
            });
        };
        #[derive(Deserialize)]
        struct Config {
            rootfs: RootFs,
        }
        #[derive(Deserialize)]
        struct RootFs {
            diff_ids: Vec<Sha256>,
        }
        let bytes = self.member("its config", &one.config, CONFIG)?;
        let config: Config = serde_json::from_slice(&bytes)
            .map_err(|error| self.bad("its config", error.to_string()))?;
        let diff_ids = config.rootfs.diff_ids;
        if diff_ids.len() != one.layers.len() {
            let problem = format!("{} layers, {} diff_ids", one.layers.len(), diff_ids.len());
            return Err(self.bad(DOCUMENT_NAME, problem));
        }
        let descriptor = |media_type: &str, digest: &Sha256, size| Descriptor {
            media_type: media_type.to_owned(),
            digest: digest.to_oci(),
            size,
            annotations: BTreeMap::new(),
            urls: Vec::new(),
            platform: None,
        };
        let mut layers = Vec::new();
        for (name, diff_id) in one.layers.iter().zip(&diff_ids) {
            let stretch = *self.members.get(name).ok_or_else(|| {
                self.bad(
                    DOCUMENT_NAME,
                    format!("{name} is no plain file of the archive"),
                )
            })?;
            layers.push(descriptor(MediaType::Tar.as_str(), diff_id, stretch.1));
            self.blobs.insert(*diff_id, stretch);
        }
        let digest = sha256(&bytes);
        if let Some(stretch) = self.members.get(&one.config) {
            self.blobs.insert(digest, *stretch);
        }
        let config = "application/vnd.oci.image.config.v1+json";
        let manifest = Manifest {
            config: descriptor(config, &digest, bytes.len() as u64),
            layers,
            annotations: BTreeMap::new(),
        };
        let failed = |error: serde_json::Error| self.bad(DOCUMENT_NAME, error.to_string());
        let mut manifest = serde_json::to_value(manifest).map_err(failed)?;
        manifest["mediaType"] = MANIFEST.into();
        manifest["schemaVersion"] = 2.into();
        manifest.sort_all_objects();
        let bytes = serde_json::to_vec(&manifest).map_err(failed)?;
        Ok((sha256(&bytes), bytes))
    }
}

impl Place for Archive {
    fn named(&self, platform: &str) -> Result<(Vec<u8>, Option<Sha256>)> {
        if let Some((digest, bytes)) = &self.made {
            return Ok((bytes.clone(), Some(*digest)));
        }
        let index = self.member("index.json", "index.json", DOCUMENT)?;
        let digest = named(&self.image, &index, self.tag.as_deref(), platform)?;
        Ok((self.manifest(&digest)?, Some(digest)))
    }

    fn manifest(&self, digest: &Sha256) -> Result<Vec<u8>> {
        if let Some((made, bytes)) = &self.made
            && made == digest
        {
            return Ok(bytes.clone());
        }
        let name = format!("blobs/sha256/{digest}");
        if !self.members.contains_key(&name) {
            return Err(Error::Gone {
                image: self.image.clone(),
                what: "manifest",
                digest: *digest,
            });
        }
        self.member("its manifest", &name, DOCUMENT)
    }

    fn blob(&self, what: &'static str, digest: &Sha256, _: u64) -> Result<Box<dyn Read + Send>> {
        let named = self.members.get(&format!("blobs/sha256/{digest}"));
        match self.blobs.get(digest).or(named) {
            Some(stretch) => self.open_at(*stretch),
            None => Err(Error::Gone {
                image: self.image.clone(),
                what,
                digest: *digest,
            }),
        }
    }
}

/// The plain files of a tar: where their bytes are.
fn members(file: File) -> std::io::Result<BTreeMap<String, Stretch>> {
    let mut members = BTreeMap::new();
    let mut tar = tar::Archive::new(file);
    for entry in tar.entries_with_seek()? {
        let entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path()?.to_string_lossy().into_owned();
        let path = path.trim_start_matches("./").to_owned();
        members.insert(path, (entry.raw_file_position(), entry.size()));
    }
    Ok(members)
}
