//! The addresses that may have an artifact, from its origin and the places that are known.

use std::{fmt, path::PathBuf};

use lock::{Artifact, Origin};
use url::Url;

use crate::{
    Error, Place, Places, Result,
    places::{DEBIAN_VARIABLE, PYTHON_VARIABLE, shown},
};

/// Where an artifact may be. `Display` leaves credentials out.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// At an address.
    Url(Url),
    /// In a file of this machine.
    File(PathBuf),
    /// On a Python index, which tells the address.
    Index {
        /// The index.
        place: Place,
        /// The project's normalised name.
        project: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(&shown(url)),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Index { place, project } => write!(f, "{place}{project}/"),
        }
    }
}

/// Where `artifact` may be, in the order in which to ask.
pub(super) fn of(places: &Places, artifact: &Artifact) -> Result<Vec<Source>> {
    Ok(match &artifact.origin {
        Origin::Debian { path } => places
            .debian()
            .iter()
            .map(|place| Source::Url(place.below(path)))
            .collect(),
        Origin::Python { project } => places
            .python()?
            .into_iter()
            .map(|place| Source::Index {
                place,
                project: project.clone(),
            })
            .collect(),
        Origin::Index { index, project } => vec![Source::Index {
            place: Place::parse(&artifact.to_string(), index)?,
            project: project.clone(),
        }],
        Origin::Url(address) => {
            let url = Url::parse(address)
                .map_err(|error| error.to_string())
                .and_then(|url| match url.scheme() {
                    "http" | "https" | "file" => Ok(url),
                    _ => Err("not of a kind that can be fetched from".to_owned()),
                });
            let wrong = |problem| Error::Place {
                setting: artifact.to_string(),
                value: address.rsplit('@').next().unwrap_or_default().to_owned(),
                problem,
            };
            vec![Source::Url(url.map_err(wrong)?)]
        }
        Origin::File(path) => places
            .local()
            .map(|folder| Source::File(folder.join(path)))
            .into_iter()
            .collect(),
    })
}

/// What the user can do when no place has the artifact.
pub(super) fn hint(origin: &Origin) -> String {
    match origin {
        Origin::Debian { .. } => {
            format!("set {DEBIAN_VARIABLE} to the root of a Debian archive that has it")
        }
        Origin::Python { .. } => {
            format!("set {PYTHON_VARIABLE} to the root of a simple index (PEP 503) that has it")
        }
        Origin::Index { .. } | Origin::Url(_) => {
            "the edition names this address; if a proxy is needed, set HTTPS_PROXY or HTTP_PROXY"
                .to_owned()
        }
        Origin::File(path) => {
            format!("the file {path:?} belongs beside the lock; put it back, or make the lock anew")
        }
    }
}
