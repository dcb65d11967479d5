//! An image as one tar: an OCI archive, or what `docker save` and its kin write (`manifest.json`, a config,
//! and the layers' tars). Of the latter a manifest is made here: the same for the same config and layers.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};

use decode::Encoding;
use lock::Sha256;
use serde::Deserialize;
use store::sha256_of;

use super::{Place, named::named, read_all};
use crate::{
    Error, Result,
    document::{CONFIG, DOCUMENT, Descriptor, MANIFEST, Manifest, MediaType},
};

/// How many bytes of headers are read.
const HEADERS: u64 = 64 << 20;

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

    /// How a layer is packed, and its digest: a plain tar is named by its diff-id, anything else by its own bytes.
    fn packed(
        &self,
        name: &str,
        stretch: Stretch,
        diff_id: &Sha256,
    ) -> Result<(MediaType, Sha256)> {
        let io = |source| Error::Io {
            image: self.image.clone(),
            path: self.path.clone(),
            source,
        };
        let mut head = Vec::new();
        let mut start = self.open_at(stretch)?.take(Encoding::MAGIC as u64);
        start.read_to_end(&mut head).map_err(io)?;
        let media_type = match Encoding::of_magic(&head) {
            Encoding::Plain => return Ok((MediaType::Tar, *diff_id)),
            Encoding::Gzip => MediaType::Gzip,
            Encoding::Zstd => MediaType::Zstd,
            Encoding::Xz => {
                let problem = format!("the layer {name} is xz, which is no layer of an image");
                return Err(self.bad("manifest.json", problem));
            }
        };
        let (_, digest) = store::sha256(&mut self.open_at(stretch)?).map_err(io)?;
        Ok((media_type, digest))
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
            let stretch = *self.members.get(name.as_str()).ok_or_else(|| {
                self.bad(
                    DOCUMENT_NAME,
                    format!("{name} is no plain file of the archive"),
                )
            })?;
            let (media_type, digest) = self.packed(name, stretch, diff_id)?;
            layers.push(descriptor(media_type.as_str(), &digest, stretch.1));
            self.blobs.insert(digest, stretch);
        }
        let digest = sha256_of(&bytes);
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
        Ok((sha256_of(&bytes), bytes))
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

/// The plain files of a tar, and links to such: where their bytes are.
fn members(file: File) -> io::Result<BTreeMap<String, Stretch>> {
    let length = file.metadata()?.len();
    let mut members = BTreeMap::new();
    let mut links = Vec::new();
    let mut tar = tar::Archive::new(Headers {
        file,
        left: HEADERS,
    });
    for entry in tar.entries_with_seek()? {
        let entry = entry?;
        let path = plain(Path::new(""), &entry.path()?);
        let Some(path) = path else {
            continue;
        };
        let kind = entry.header().entry_type();
        let stretch = (entry.raw_file_position(), entry.size());
        if kind.is_file() {
            let end = stretch.0.checked_add(stretch.1);
            if end.is_none_or(|end| end > length) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            members.insert(path, stretch);
        } else if let Some(target) = entry.link_name()? {
            // A symbolic link is meant from its own folder, a hard link from the top.
            let from = match kind.is_symlink() {
                true => Path::new(&path).parent().unwrap_or(Path::new("")),
                false => Path::new(""),
            };
            if let Some(target) = plain(from, &target) {
                links.push((path, target));
            }
        }
    }
    for (path, target) in links {
        if let Some(stretch) = members.get(&target).copied() {
            members.entry(path).or_insert(stretch);
        }
    }
    Ok(members)
}

/// A path of the archive as it is asked for; `None` where it leads out of it.
fn plain(from: &Path, path: &Path) -> Option<String> {
    let mut parts: Vec<&std::ffi::OsStr> = from.iter().collect();
    for part in path.components() {
        match part {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(
        parts
            .iter()
            .collect::<PathBuf>()
            .to_string_lossy()
            .into_owned(),
    )
}

/// A file of which only so much is read. What members hold is skipped, so it is headers and long names that
/// count: no archive of an image has many.
struct Headers {
    file: File,
    left: u64,
}

impl Read for Headers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let problem = format!("its headers have more than {} MiB", HEADERS >> 20);
            io::Error::new(io::ErrorKind::InvalidData, problem)
        })?;
        Ok(read)
    }
}

impl Seek for Headers {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Docker archive: the layers' names in order with their diff-ids, and its other members. A member that
    /// begins with `->` is a symbolic link, with `=>` a hard link.
    fn archive(
        folder: &Path,
        layers: &[(&str, Sha256)],
        members: &[(&str, &[u8])],
    ) -> Result<Archive> {
        let path = folder.join("x.tar");
        let mut tar = tar::Builder::new(File::create(&path).unwrap());
        let mut add = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            let text = String::from_utf8_lossy(bytes);
            for (mark, kind) in [
                ("->", tar::EntryType::Symlink),
                ("=>", tar::EntryType::Link),
            ] {
                if let Some(target) = text.strip_prefix(mark) {
                    header.set_entry_type(kind);
                    header.set_size(0);
                    tar.append_link(&mut header, name, target).unwrap();
                    return;
                }
            }
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, bytes).unwrap();
        };
        let diff_ids: Vec<String> = layers.iter().map(|(_, id)| id.to_oci()).collect();
        let names: Vec<&str> = layers.iter().map(|(name, _)| *name).collect();
        let config = serde_json::json!({"rootfs": {"type": "layers", "diff_ids": diff_ids}});
        let manifest = serde_json::json!([{"Config": "c.json", "Layers": names}]);
        for (name, bytes) in members {
            add(name, bytes);
        }
        add("c.json", &serde_json::to_vec(&config).unwrap());
        add("manifest.json", &serde_json::to_vec(&manifest).unwrap());
        tar.finish().unwrap();
        Archive::open("x", &path, None)
    }

    fn layers(archive: &Archive) -> Vec<(String, String, u64)> {
        let (_, bytes) = archive.made.as_ref().unwrap();
        let manifest: Manifest = serde_json::from_slice(bytes).unwrap();
        let layers = manifest.layers.into_iter();
        layers
            .map(|layer| (layer.media_type, layer.digest, layer.size))
            .collect()
    }

    fn read(archive: &Archive, digest: &Sha256) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut blob = archive.blob("layer", digest, 0).unwrap();
        blob.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_layer_that_is_there_twice_may_be_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let id = sha256_of(b"tar");
        let names = ["a/layer.tar", "b/layer.tar", "c/layer.tar"].map(|name| (name, id));
        let members: [(&str, &[u8]); 3] = [
            ("b/layer.tar", b"->../a/layer.tar"),
            ("a/layer.tar", b"tar"),
            ("c/layer.tar", b"=>a/layer.tar"),
        ];
        let found = archive(folder.path(), &names, &members).unwrap();
        let layer = (MediaType::Tar.as_str().to_owned(), id.to_oci(), 3);
        assert_eq!(layers(&found), vec![layer; 3]);
        assert_eq!(read(&found, &id), b"tar");
        for bad in [
            &b"->../../a/layer.tar"[..],
            b"->/a/layer.tar",
            b"->../b/layer.tar",
            b"->x",
        ] {
            let error = archive(
                folder.path(),
                &[("b/layer.tar", id)],
                &[("b/layer.tar", bad)],
            );
            let error = error.unwrap_err().to_string();
            assert!(error.contains("no plain file"), "{error}");
        }
    }

    #[test]
    fn a_compressed_layer_is_named_by_its_own_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (gzip, zstd) = (&b"\x1f\x8b\x08 bytes"[..], &b"\x28\xb5\x2f\xfd more"[..]);
        let (one, two) = (Sha256([1; 32]), Sha256([2; 32]));
        let names = [("1.tar.gz", one), ("2", two), ("3.tar", sha256_of(b"tar"))];
        let members = [("1.tar.gz", gzip), ("2", zstd), ("3.tar", b"tar")];
        let found = archive(folder.path(), &names, &members).unwrap();
        let layer = |kind: MediaType, bytes: &[u8]| {
            let (kind, size) = (kind.as_str().to_owned(), bytes.len() as u64);
            (kind, sha256_of(bytes).to_oci(), size)
        };
        let expected = [
            layer(MediaType::Gzip, gzip),
            layer(MediaType::Zstd, zstd),
            layer(MediaType::Tar, b"tar"),
        ];
        assert_eq!(layers(&found), expected);
        assert_eq!(read(&found, &sha256_of(gzip)), gzip);
        let xz = b"\xfd7zXZ\0bytes";
        let error = archive(folder.path(), &[("1", one)], &[("1", xz)]).unwrap_err();
        assert!(error.to_string().contains("is xz"), "{error}");
    }

    #[test]
    fn what_is_cut_short_or_has_endless_headers_is_no_archive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tar");
        archive(folder.path(), &[], &[("big", &[7; 5000])]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..2048]).unwrap();
        assert!(Archive::open("x", &path, None).is_err());
        let file = File::open(&path).unwrap();
        let mut headers = Headers { file, left: 600 };
        assert!(headers.read(&mut [0; 512]).is_ok());
        assert!(headers.read(&mut [0; 512]).is_err());
    }
}
