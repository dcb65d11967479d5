//! The image below an edition: pinned, and what its packages mean for the versions of ours.

use std::collections::BTreeMap;

use lock::BaseImage;
use oci_image::{Access, Below, Client};

use crate::{Error, Kept, Result, Update, sources::Resolving};

/// What `lock --update` and messages call it.
pub const FROM: &str = "from";

/// The image that the edition stands on: as the earlier lock pins it, as long as the edition names the same
/// and it is not to be looked up anew.
pub(crate) fn below(with: &Resolving<'_>, platform: &str) -> Result<Option<Below>> {
    let Some(from) = &with.edition.from else {
        return Ok(None);
    };
    let at = |source: oci_image::Error| Error::From {
        place: from.place.to_string(),
        source: Box::new(source),
    };
    let access = Access {
        store: with.store.clone(),
        folder: with.folder.to_owned(),
        progress: with.fetcher.progress().clone(),
        offline: with.fetcher.offline(),
        client: Client::new(Default::default()),
    };
    let kept = match with.update.has(FROM) {
        false => pinned_before(with.kept, &from.value, platform),
        true => None,
    };
    let pinned = match kept {
        Some(kept) => kept.clone(),
        None => oci_image::pin(&from.value, platform, &access).map_err(at)?,
    };
    Below::load(&pinned, platform, &access)
        .map(Some)
        .map_err(at)
}

/// How the earlier lock pins an image: a manifest is for one platform.
fn pinned_before<'k>(kept: &'k Kept, image: &str, platform: &str) -> Option<&'k BaseImage> {
    let pinned = kept.from.as_ref().filter(|from| from.image == image);
    pinned.filter(|_| kept.platform.as_deref() == Some(platform))
}

/// The versions to stay at, and what may leave them. Packages of the image below stay at the versions that they
/// have there, as far as the edition's lines allow it, unless they are named: others would not go with it.
pub(crate) fn keeping(
    kept: &BTreeMap<String, String>,
    below: Option<&BTreeMap<String, String>>,
    update: &Update,
) -> (BTreeMap<String, String>, Update) {
    let below = below.filter(|below| !below.is_empty());
    match (below, update) {
        (None, _) => (kept.clone(), update.clone()),
        (Some(below), Update::All) => (below.clone(), Update::Nothing),
        (Some(below), _) => {
            let mut all = kept.clone();
            let stays = below.iter().filter(|(name, _)| !update.has(name));
            all.extend(stays.map(|(name, version)| (name.clone(), version.clone())));
            (all, update.clone())
        }
    }
}

/// The Debian packages of the image below, as far as they are ours.
pub(crate) fn debian(below: Option<&Below>) -> Option<BTreeMap<String, String>> {
    below.map(|below| below.packages(|kind| kind == "deb"))
}

/// Its Python packages.
pub(crate) fn python(below: Option<&Below>) -> Option<BTreeMap<String, String>> {
    below.map(|below| below.packages(|kind| kind == "wheel"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_for_its_image_and_platform() {
        let text = format!(
            "platform = \"linux/amd64\"\n[from]\nimage = \"oci:x\"\ndigest = \"sha256:{}\"\nsize = 3\n",
            "ab".repeat(32)
        );
        let kept = Kept::parse(&text, "t");
        assert!(pinned_before(&kept, "oci:x", "linux/amd64").is_some());
        assert!(pinned_before(&kept, "oci:x", "linux/arm64").is_none());
        assert!(pinned_before(&kept, "oci:y", "linux/amd64").is_none());
    }

    #[test]
    fn versions_of_the_image_below_stay() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let pairs = pairs.iter();
            pairs
                .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()))
                .collect()
        };
        let kept = map(&[("a", "1"), ("b", "1")]);
        let below = map(&[("b", "2"), ("c", "2")]);
        let named = Update::Names(["b".to_owned()].into());
        let of = |below, update: &Update| keeping(&kept, below, update);
        assert_eq!(of(None, &Update::All), (kept.clone(), Update::All));
        let all = map(&[("a", "1"), ("b", "2"), ("c", "2")]);
        assert_eq!(of(Some(&below), &Update::Nothing), (all, Update::Nothing));
        let all = map(&[("a", "1"), ("b", "1"), ("c", "2")]);
        assert_eq!(of(Some(&below), &named), (all, named.clone()));
        assert_eq!(
            of(Some(&below), &Update::All),
            (below.clone(), Update::Nothing)
        );
        assert_eq!(
            of(Some(&map(&[])), &Update::All),
            (kept.clone(), Update::All)
        );
    }
}
