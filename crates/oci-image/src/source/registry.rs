//! An image in a registry. The client verifies what it gives.

use std::io::Read;

use lock::Sha256;
use registry::{Client, Reference};

use super::Place;
use crate::{Error, Result};

#[derive(Debug)]
pub(crate) struct Registry {
    image: String,
    reference: Reference,
    client: Client,
}

impl Registry {
    pub(crate) fn open(image: &str, client: &Client) -> Result<Self> {
        Ok(Self {
            image: image.to_owned(),
            reference: image.parse().map_err(|source| said(image, source))?,
            client: client.clone(),
        })
    }

    fn gone(&self, what: &'static str, digest: &Sha256) -> Error {
        Error::Gone {
            image: self.image.clone(),
            what,
            digest: *digest,
        }
    }
}

impl Place for Registry {
    fn named(&self, _: &str) -> Result<(Vec<u8>, Option<Sha256>)> {
        let (repository, by) = (self.reference.repository(), self.reference.by());
        let found = self.client.manifest(repository, by, &[]);
        match found.map_err(|source| said(&self.image, source))? {
            Some(manifest) => Ok((manifest.bytes, Some(manifest.digest))),
            None => Err(Error::Source {
                image: self.image.clone(),
                problem: format!("the registry has no {}", self.reference),
                hint: "look at name and tag; a registry also says so of what it does not let one read",
            }),
        }
    }

    fn manifest(&self, digest: &Sha256) -> Result<Vec<u8>> {
        let repository = self.reference.repository();
        let found = self.client.manifest(repository, *digest, &[]);
        match found.map_err(|source| said(&self.image, source))? {
            Some(manifest) => Ok(manifest.bytes),
            None => Err(self.gone("manifest", digest)),
        }
    }

    fn blob(&self, what: &'static str, digest: &Sha256, size: u64) -> Result<Box<dyn Read + Send>> {
        match self
            .client
            .pull_blob(self.reference.repository(), digest, size)
        {
            Ok(reader) => Ok(Box::new(reader)),
            Err(registry::Error::Answered { status: 404, .. }) => Err(self.gone(what, digest)),
            Err(source) => Err(said(&self.image, source)),
        }
    }
}

fn said(image: &str, source: registry::Error) -> Error {
    Error::Registry {
        image: image.to_owned(),
        source: Box::new(source),
    }
}
