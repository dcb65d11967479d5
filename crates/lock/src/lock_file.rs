//! The lock file as a whole: reading, checking, and asking it for a layer's part.

use std::{collections::BTreeSet, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    Artifact, BaseImage, Deb, DebianSuite, Error, Git, Image, LayerName, Owner, Problems, Python,
    Result, Sdist, Source, Tool, Wheel, check, diagnose, problem::utf8,
};

/// The format version that this crate reads and writes.
pub const VERSION: u32 = 1;

/// A lock file: everything that one edition is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lock {
    /// Format version of the file.
    pub version: u32,
    /// The edition that it belongs to.
    pub edition: String,
    /// When it was made (RFC 3339, UTC); the image's `created`.
    pub created: String,
    /// The OCI platform, such as `linux/amd64`.
    pub platform: String,
    /// The image below the layers, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<BaseImage>,
    /// The Debian suite.
    pub debian: DebianSuite,
    /// The interpreter.
    pub python: Python,
    /// What the edition adds to the image's config.
    #[serde(default)]
    pub image: Image,
    /// Who owns what several wheels bring.
    #[serde(default, rename = "owner", skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Owner>,
    /// Debian packages of all layers.
    #[serde(default, rename = "deb", skip_serializing_if = "Vec::is_empty")]
    pub debs: Vec<Deb>,
    /// Wheels of all layers.
    #[serde(default, rename = "wheel", skip_serializing_if = "Vec::is_empty")]
    pub wheels: Vec<Wheel>,
    /// Python packages of all layers that are built from source.
    #[serde(default, rename = "sdist", skip_serializing_if = "Vec::is_empty")]
    pub sdists: Vec<Sdist>,
    /// Wheels that are there while those are built, and are in no layer.
    #[serde(default, rename = "tool", skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Trees of all layers.
    #[serde(default, rename = "source", skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// Trees out of git repositories, of all layers.
    #[serde(default, rename = "git", skip_serializing_if = "Vec::is_empty")]
    pub git: Vec<Git>,
}

impl Lock {
    /// Parses a lock's text. `name` stands in messages: a path, or an edition's name.
    ///
    /// # Errors
    /// Text that is not a lock, a format newer than [`VERSION`], or entries that contradict
    /// each other.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        diagnose::markers(text, name)?;
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let malformed = |error| diagnose::malformed(text, name, &error);
        // The version first: a newer format may have keys that this one calls unknown.
        let Version { version } = toml::from_str(text).map_err(malformed)?;
        if version != VERSION {
            return Err(diagnose::version(text, name, version));
        }
        let lock: Self = toml::from_str(text).map_err(malformed)?;
        let faults = check::faults(&lock);
        if faults.is_empty() {
            Ok(lock)
        } else {
            Err(diagnose::faults(text, name, &faults))
        }
    }

    /// Reads and parses a lock file.
    ///
    /// # Errors
    /// As [`Lock::parse`], and when the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let name = path.display().to_string();
        let text =
            utf8(&name, bytes).map_err(|problem| Error::Malformed(Problems(vec![*problem])))?;
        Self::parse(&text, &name)
    }

    /// The lock as TOML: keys in the order of the types, entries in the order of the lists.
    ///
    /// # Errors
    /// None for a lock that was parsed; a map with a key that TOML cannot write.
    pub fn to_toml(&self) -> std::result::Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// The lock of the default edition, `starter`, which ships inside this crate.
    ///
    /// # Errors
    /// None in a released crate: a test reads the same text.
    pub fn starter() -> Result<Self> {
        Self::parse(include_str!("../editions/starter.lock"), "starter")
    }

    /// The suite's date in seconds since the epoch: `SOURCE_DATE_EPOCH` of the Debian system. Not the
    /// lock's, which changes with a wheel or a commit.
    pub fn suite_seconds(&self) -> i64 {
        // A lock that was parsed has a time that can be; one made in code may not.
        self.debian
            .date
            .parse::<jiff::Timestamp>()
            .map_or(0, jiff::Timestamp::as_second)
    }

    /// Debian packages of `layer`, in the lock's order.
    pub fn debs_of(&self, layer: LayerName) -> impl Iterator<Item = &Deb> {
        self.debs.iter().filter(move |deb| deb.layer == layer)
    }

    /// Wheels of `layer`, in the lock's order.
    pub fn wheels_of(&self, layer: LayerName) -> impl Iterator<Item = &Wheel> {
        self.wheels.iter().filter(move |wheel| wheel.layer == layer)
    }

    /// All wheels that `layer` installs, those built from source among them, by name. What has not been
    /// built yet is left out.
    pub fn installed_of(&self, layer: LayerName) -> Vec<Wheel> {
        let built = self.sdists_of(layer).filter_map(Sdist::built);
        let mut wheels: Vec<Wheel> = self.wheels_of(layer).cloned().chain(built).collect();
        wheels.sort_by(|one, other| one.name.cmp(&other.name));
        wheels
    }

    /// The wheel that [`Sdist::requires`] names so.
    pub fn required(&self, id: &str) -> Option<Wheel> {
        let (name, version) = id.split_once("==")?;
        let is = |wheel: &&Wheel| wheel.name == name && wheel.version == version;
        let tool = self.tools.iter().find(|tool| tool.id() == id);
        let wheel = self.wheels.iter().find(is).cloned();
        tool.map(Tool::wheel).or(wheel)
    }

    /// Packages of `layer` that are built from source, in the lock's order.
    pub fn sdists_of(&self, layer: LayerName) -> impl Iterator<Item = &Sdist> {
        self.sdists.iter().filter(move |sdist| sdist.layer == layer)
    }

    /// Trees of `layer`, in the lock's order.
    pub fn sources_of(&self, layer: LayerName) -> impl Iterator<Item = &Source> {
        self.sources
            .iter()
            .filter(move |source| source.layer == layer)
    }

    /// Trees out of git repositories of `layer`, in the lock's order.
    pub fn git_of(&self, layer: LayerName) -> impl Iterator<Item = &Git> {
        self.git.iter().filter(move |git| git.layer == layer)
    }

    /// Every artifact that the lock names by sha256, each once, in the lock's order.
    pub fn artifacts(&self) -> Vec<Artifact> {
        let mut seen = BTreeSet::new();
        let python = self.python.artifact();
        let debs = self.debs.iter().map(Deb::artifact);
        let wheels = self.wheels.iter().map(Wheel::artifact);
        let sdists = self.sdists.iter().filter_map(Sdist::artifact);
        let tools = self.tools.iter().map(|tool| tool.wheel().artifact());
        let sources = self.sources.iter().map(Source::artifact);
        debs.chain(wheels)
            .chain(sdists)
            .chain(tools)
            .chain(sources)
            .chain(python)
            .filter(|artifact| seen.insert(artifact.sha256))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"
        version = 1
        edition = "t"
        created = "2026-11-23T00:00:00Z"
        platform = "linux/amd64"
        [debian]
        suite = "forky"
        architecture = "amd64"
        components = ["main"]
        date = "2026-10-30T08:08:01Z"
        [python]
        version = "3.14.8"
        tag = "cp314"
        interpreter = "/usr/bin/python3.14"
        purelib = "/usr/local/lib/python3.14/dist-packages"
        platlib = "/usr/local/lib/python3.14/dist-packages"
        scripts = "/usr/local/bin"
        headers = "/usr/local/include/python3.14"
        data = "/usr/local"
        [image]
        title = "t"
    "#;

    #[test]
    fn the_shipped_lock_is_whole() {
        let lock = Lock::starter().unwrap();
        assert_eq!(lock.edition, "starter");
        for layer in [LayerName::Base, LayerName::Python] {
            assert!(
                lock.debs_of(layer).next().is_some(),
                "{layer} has no Debian packages"
            );
        }
        let torch = lock
            .wheels
            .iter()
            .find(|wheel| wheel.name == "torch")
            .unwrap();
        assert_eq!((torch.layer, torch.requested), (LayerName::Torch, true));
        assert!(
            lock.sources_of(LayerName::Comfy)
                .any(|source| source.name == "ComfyUI")
        );
    }

    #[test]
    fn writing_and_reading_agree() {
        let lock = Lock::starter().unwrap();
        let text = toml::to_string(&lock).unwrap();
        assert_eq!(Lock::parse(&text, "again").unwrap(), lock);
    }

    #[test]
    fn an_interpreter_from_an_archive_is_written_read_and_fetched() {
        let archive = format!(
            "data = \"/usr/local\"\n[python.archive]\nurl = \"https://example.org/p.tar.gz\"\n\
             filename = \"p.tar.gz\"\nsize = 7\nsha256 = \"{}\"\n",
            "ab".repeat(32)
        );
        let text = HEAD
            .replace("data = \"/usr/local\"", &archive)
            .replace("/usr/bin/", "/usr/local/bin/");
        let lock = Lock::parse(&text, "t.lock").unwrap();
        assert_eq!(
            Lock::parse(&lock.to_toml().unwrap(), "again").unwrap(),
            lock
        );
        let artifacts = lock.artifacts();
        assert_eq!(artifacts[0].to_string(), "Python 3.14.8 (p.tar.gz)");
        assert!(
            matches!(&artifacts[0].origin, crate::Origin::Url(url) if url.ends_with("/p.tar.gz"))
        );
    }

    #[test]
    fn an_image_below_is_written_read_and_checked() {
        let digest = "ab".repeat(32);
        let from = format!("[from]\nimage = \"debian:13\"\ndigest = \"{digest}\"\nsize = 7\n");
        let text = HEAD.replace("[debian]", &format!("{from}[debian]"));
        let lock = Lock::parse(&text, "t.lock").unwrap();
        assert_eq!(lock.from.as_ref().unwrap().size, 7);
        let again = lock.to_toml().unwrap();
        assert!(again.contains(&from), "{again}");
        assert_eq!(Lock::parse(&again, "again").unwrap(), lock);
        let error = Lock::parse(&text.replace("debian:13", "./debian"), "t.lock");
        let error = error.unwrap_err().to_string();
        assert!(error.contains("\"./debian\" is a path"), "{error}");
    }

    #[test]
    fn a_newer_format_says_so() {
        let text = HEAD.replace("version = 1", "version = 9\nfuture = true");
        let error = Lock::parse(&text, "t.lock").unwrap_err().to_string();
        assert!(error.contains("lock format 9 is newer"), "{error}");
    }

    #[test]
    fn an_unknown_key_names_line_and_key() {
        let text = format!("{HEAD}\ntitel = \"x\"\n");
        let error = Lock::parse(&text, "t.lock").unwrap_err().to_string();
        assert!(
            error.starts_with("t.lock:23:1: unknown field `titel`"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_dependency_is_named() {
        let text = format!(
            "{HEAD}\n[[deb]]\nlayer = \"base\"\nname = \"a\"\nversion = \"1\"\n\
             architecture = \"all\"\nfilename = \"pool/a.deb\"\nsize = 1\nsha256 = \"{}\"\n\
             depends = [\"b\"]\n",
            "ab".repeat(32)
        );
        let error = Lock::parse(&text, "t.lock").unwrap_err().to_string();
        assert!(
            error.starts_with("t.lock:31:11: deb a depends on b, which is not in the lock"),
            "{error}"
        );
    }
}
