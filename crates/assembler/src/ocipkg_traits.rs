//! Our images under `ocipkg`'s traits, so that its readers, writers and `copy` take them. The traits
//! hold a blob in memory and speak `anyhow`; inside this crate nothing goes through them.

use anyhow::{Context as _, Result};
use oci_spec::image::{Digest, ImageManifest};
use ocipkg::{
    ImageName,
    image::{ImageBuilder, OciDir},
};

use crate::{Image, LayoutBuilder, document};

impl ocipkg::image::Image for Image {
    fn get_name(&mut self) -> Result<ImageName> {
        Ok(self.meta.name.clone())
    }

    /// Config and manifest from memory, parts from the store.
    fn get_blob(&mut self, digest: &Digest) -> Result<Vec<u8>> {
        let wanted = digest.to_string();
        if wanted == self.config_digest.to_oci() {
            return Ok(self.config.clone());
        }
        if wanted == self.digest.to_oci() {
            return Ok(self.manifest.clone());
        }
        self.bring()?;
        let mut blobs = self.blobs().into_iter();
        let blob = blobs.find(|blob| blob.digest.to_oci() == wanted);
        let blob = blob.with_context(|| format!("the image has no blob {wanted}"))?;
        let (path, _) = blob.file()?;
        std::fs::read(path).with_context(|| path.display().to_string())
    }

    fn get_manifest(&mut self) -> Result<ImageManifest> {
        Ok(serde_json::from_slice(&self.manifest)?)
    }
}

impl ImageBuilder for LayoutBuilder {
    type Image = OciDir;

    fn add_blob(&mut self, data: &[u8]) -> Result<(Digest, u64)> {
        let digest = self.add_document(data)?;
        Ok((document::digest(&digest)?, data.len() as u64))
    }

    fn build(self, manifest: ImageManifest) -> Result<OciDir> {
        OciDir::new(&self.finish_spec(&manifest)?)
    }
}
