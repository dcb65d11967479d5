//! Looking up a file's address on a Python index: JSON (PEP 691), or HTML (PEP 503), or a folder
//! of wheels. Pages are read once in a process.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use lock::{Artifact, Sha256};
use serde::Deserialize;
use url::Url;

use super::{
    attempt::Failure,
    client::{Client, with_credentials_of},
    html,
};
use crate::Place;

const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, \
    application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// The most that a project's page may have, in bytes.
const LIMIT: u64 = 64 << 20;

/// A file that a project's page lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) filename: String,
    pub(super) url: Url,
    pub(super) sha256: Option<Sha256>,
    /// Withdrawn (PEP 592).
    pub(super) yanked: bool,
    /// Which Pythons it is for, as its Requires-Python has it.
    pub(super) requires_python: Option<String>,
}

/// A file of a project, as an index tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFile {
    /// Its name.
    pub filename: String,
    /// Which Pythons it is for, as its Requires-Python has it, if the index tells.
    pub requires_python: Option<String>,
}

/// A page that was read, or is just being read by whoever holds it.
type Slot = Arc<Mutex<Option<Arc<Vec<Listed>>>>>;

/// Projects' pages that were read in this process, by their address.
#[derive(Debug, Default)]
pub(super) struct Pages(Mutex<HashMap<String, Slot>>);

impl Pages {
    /// The address of `artifact` on an index.
    pub(super) fn find(
        &self,
        client: &Client,
        place: &Place,
        project: &str,
        artifact: &Artifact,
    ) -> Result<Url, Failure> {
        let page = place.below(&format!("{project}/"));
        let page = folder(page);
        if let Ok(path) = page.to_file_path()
            && page.scheme() == "file"
        {
            return in_folder(&path, &page, artifact);
        }
        let listed = self.listed(client, &page)?;
        let url = choose(&listed, artifact)?;
        Ok(with_credentials_of(&page, url))
    }

    /// What a project's page lists.
    fn listed(&self, client: &Client, page: &Url) -> Result<Arc<Vec<Listed>>, Failure> {
        let slot = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(page.to_string()).or_default().clone()
        };
        // Held while the page is read, so that it is read once; a failure leaves it empty.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listed) = &*slot {
            return Ok(listed.clone());
        }
        let (bytes, kind, at) = client.page(page, ACCEPT, LIMIT)?;
        let listed = Arc::new(parse(&bytes, &kind, &at).map_err(Failure::Refused)?);
        Ok(slot.insert(listed).clone())
    }

    /// A project's files that were not withdrawn. A folder of wheels has none to tell.
    pub(super) fn files(
        &self,
        client: &Client,
        place: &Place,
        project: &str,
    ) -> Result<Vec<ProjectFile>, Failure> {
        let page = folder(place.below(&format!("{project}/")));
        if page.scheme() == "file" {
            return Ok(Vec::new());
        }
        let listed = self.listed(client, &page)?;
        let files = listed.iter().filter(|file| !file.yanked);
        let file = |file: &Listed| ProjectFile {
            filename: file.filename.clone(),
            requires_python: file.requires_python.clone(),
        };
        Ok(files.map(file).collect())
    }
}

/// The address as a folder's, which is what an index answers without a redirect.
fn folder(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

/// Looks in a folder of wheels, in a folder of projects' folders, and in a project's HTML page.
/// `path` is the project's folder, which need not exist.
fn in_folder(path: &Path, page: &Url, artifact: &Artifact) -> Result<Url, Failure> {
    let name = &artifact.filename;
    let all = path.parent().unwrap_or(path);
    for file in [all.join(name), path.join(name)] {
        if file.is_file()
            && let Ok(url) = Url::from_file_path(&file)
        {
            return Ok(url);
        }
    }
    match fs_err::read_to_string(path.join("index.html")) {
        Ok(text) => choose(&html::parse(&text, page), artifact),
        Err(_) => Err(Failure::Absent(format!("has no file {name}"))),
    }
}

fn choose(listed: &[Listed], artifact: &Artifact) -> Result<Url, Failure> {
    let named = || {
        listed
            .iter()
            .filter(|file| file.filename == artifact.filename)
    };
    let fits = |file: &&Listed| file.sha256.is_none_or(|sha256| sha256 == artifact.sha256);
    match (
        named().find(fits),
        named().next().and_then(|file| file.sha256),
    ) {
        (Some(file), _) => Ok(file.url.clone()),
        (None, Some(found)) => Err(Failure::Refused(format!(
            "lists {} with sha256 {found}, expected {}",
            artifact.filename, artifact.sha256
        ))),
        (None, None) => Err(Failure::Absent(format!(
            "does not list {} (of {} files)",
            artifact.filename,
            listed.len()
        ))),
    }
}

/// Parses a project's page, which was read from `at`.
fn parse(bytes: &[u8], kind: &str, at: &Url) -> Result<Vec<Listed>, String> {
    let begins = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if kind.contains("json") || (kind.is_empty() && begins == Some(&b'{')) {
        parse_json(bytes, at)
    } else {
        Ok(html::parse(&String::from_utf8_lossy(bytes), at))
    }
}

fn parse_json(bytes: &[u8], at: &Url) -> Result<Vec<Listed>, String> {
    #[derive(Deserialize)]
    struct Page {
        files: Vec<File>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct File {
        filename: String,
        url: String,
        #[serde(default)]
        hashes: HashMap<String, String>,
        #[serde(default)]
        yanked: serde_json::Value,
        requires_python: Option<String>,
    }

    let page: Page = serde_json::from_slice(bytes)
        .map_err(|error| format!("the project's page is not PEP 691's JSON: {error}"))?;
    let listed = page.files.into_iter().filter_map(|file| {
        let url = at.join(&file.url).ok()?;
        let sha256 = file.hashes.get("sha256").and_then(|hex| sha256(hex));
        Some(Listed {
            filename: file.filename,
            url,
            sha256,
            // PEP 691: a reason, or a truth value.
            yanked: file.yanked.is_string() || file.yanked == true,
            requires_python: file.requires_python,
        })
    });
    Ok(listed.collect())
}

/// A digest as an index writes it; indexes may write capitals.
pub(super) fn sha256(hex: &str) -> Option<Sha256> {
    hex.to_ascii_lowercase().parse().ok()
}

#[cfg(test)]
mod tests {
    use lock::Origin;

    use super::*;

    #[test]
    fn json() {
        let at = Url::parse("https://i.test/simple/six/").unwrap();
        let text = format!(
            r#"{{"meta": {{"api-version": "1.3"}}, "name": "six", "files": [
                {{"filename": "a.whl", "url": "../../f/a.whl", "hashes": {{"sha256": "{}"}}}},
                {{"filename": "b.whl", "url": "https://f.test/b.whl", "hashes": {{}},
                  "size": 3, "yanked": "why", "requires-python": ">=3.9"}},
                {{"filename": "c.whl", "url": "https://[", "hashes": {{}}}}]}}"#,
            "AB".repeat(32)
        );
        let listed = parse(text.as_bytes(), "application/vnd.pypi.simple.v1+json", &at).unwrap();
        let brief: Vec<_> = listed
            .iter()
            .map(|file| (file.url.as_str(), file.sha256.is_some()))
            .collect();
        assert_eq!(
            brief,
            [
                ("https://i.test/f/a.whl", true),
                ("https://f.test/b.whl", false)
            ]
        );
        let yanked: Vec<_> = listed.iter().map(|file| file.yanked).collect();
        assert_eq!(yanked, [false, true]);
        assert_eq!(listed[1].requires_python.as_deref(), Some(">=3.9"));
        assert!(
            parse(b"{}", "application/json", &at)
                .unwrap_err()
                .contains("PEP 691")
        );
    }

    #[test]
    fn choosing() {
        let at = |name: &str, byte: Option<u8>| Listed {
            filename: name.to_owned(),
            url: Url::parse(&format!("https://f.test/{byte:?}/{name}")).unwrap(),
            sha256: byte.map(|byte| Sha256([byte; 32])),
            yanked: false,
            requires_python: None,
        };
        let artifact = Artifact {
            name: "a 1".to_owned(),
            filename: "a.whl".to_owned(),
            size: 1,
            sha256: Sha256([7; 32]),
            origin: Origin::Python {
                project: "a".to_owned(),
            },
        };
        let found = choose(&[at("a.whl", Some(6)), at("a.whl", Some(7))], &artifact).unwrap();
        assert!(found.path().contains('7'));
        assert!(choose(&[at("a.whl", None)], &artifact).is_ok());
        let wrong = choose(&[at("a.whl", Some(6))], &artifact).unwrap_err();
        assert!(
            wrong.answer().starts_with("lists a.whl with sha256 0606"),
            "{wrong:?}"
        );
        let none = choose(&[at("b.whl", Some(7))], &artifact).unwrap_err();
        assert_eq!(none.answer(), "does not list a.whl (of 1 files)");
    }
}
