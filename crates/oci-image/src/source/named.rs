//! Which image of a layout is meant: by its `index.json` (OCI image layout), a tag and a platform.

use lock::Sha256;

use crate::{
    Error, Result,
    document::{Descriptor, Document, for_platform},
};

/// The annotations that have an image's name: OCI's has the tag, containerd's the whole reference.
const TAG: &str = "org.opencontainers.image.ref.name";
const NAME: &str = "io.containerd.image.name";

/// The digest of the document that is meant.
pub(crate) fn named(
    image: &str,
    index: &[u8],
    tag: Option<&str>,
    platform: &str,
) -> Result<Sha256> {
    let Document::Index(all) = Document::parse(image, index)? else {
        return Err(Error::Document {
            image: image.to_owned(),
            document: "index.json",
            problem: "it is no index".to_owned(),
        });
    };
    let is_named = |one: &&Descriptor, tag: &str| {
        let value = |name: &str| one.annotations.get(name).map(String::as_str);
        value(TAG) == Some(tag)
            || value(NAME).is_some_and(|name| name.ends_with(&format!(":{tag}")))
    };
    let meant: Vec<Descriptor> = match tag {
        Some(tag) => all
            .iter()
            .filter(|one| is_named(one, tag))
            .cloned()
            .collect(),
        None => all.clone(),
    };
    match meant.as_slice() {
        [] => Err(Error::Source {
            image: image.to_owned(),
            problem: match tag {
                Some(tag) => format!("nothing in it has the tag {tag:?}{}", tags(&all)),
                None => "there is no image in it".to_owned(),
            },
            hint: "build or copy the image there first",
        }),
        [only] => only.sha256(image),
        several => {
            let mut fitting = several.iter().filter(|one| {
                let platform_of = one.platform.as_ref();
                platform_of.is_some_and(|of| of.is(platform))
            });
            match (fitting.next(), fitting.next()) {
                (Some(one), None) => one.sha256(image),
                (None, None) if several.iter().all(|one| one.platform.is_some()) => {
                    for_platform(image, several, platform)?.sha256(image)
                }
                _ => Err(Error::Source {
                    image: image.to_owned(),
                    problem: format!("there are {} images in it{}", several.len(), tags(&all)),
                    hint: "say which: write the tag at the end, after a colon",
                }),
            }
        }
    }
}

fn tags(all: &[Descriptor]) -> String {
    let tags = all.iter().filter_map(|one| one.annotations.get(TAG));
    let tags: Vec<&str> = tags.map(String::as_str).collect();
    match tags.is_empty() {
        true => String::new(),
        false => format!(" (tags: {})", tags.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(images: &[(u8, &str, &str)]) -> Vec<u8> {
        let image = |(digest, tag, architecture): &(u8, &str, &str)| {
            let mut one = serde_json::json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": Sha256([*digest; 32]).to_oci(), "size": 1,
                "annotations": { TAG: tag },
            });
            if !architecture.is_empty() {
                one["platform"] = serde_json::json!({"os": "linux", "architecture": architecture});
            }
            one
        };
        let manifests: Vec<_> = images.iter().map(image).collect();
        serde_json::to_vec(&serde_json::json!({"schemaVersion": 2, "manifests": manifests}))
            .unwrap()
    }

    #[test]
    fn by_tag_by_platform_or_the_only_one() {
        let pick = |index: &[u8], tag| {
            let found = named("x", index, tag, "linux/amd64");
            found
                .map(|digest| digest.0[0])
                .map_err(|error| error.to_string())
        };
        let one = index(&[(1, "latest", "")]);
        assert_eq!(pick(&one, None), Ok(1));
        assert_eq!(pick(&one, Some("latest")), Ok(1));
        let error = pick(&one, Some("v2")).unwrap_err();
        assert!(error.contains("\"v2\" (tags: latest)"), "{error}");
        let two = index(&[(1, "a", ""), (2, "b", "")]);
        assert_eq!(pick(&two, Some("b")), Ok(2));
        let error = pick(&two, None).unwrap_err();
        assert!(error.contains("2 images in it (tags: a, b)"), "{error}");
        let platforms = index(&[(1, "a", "arm64"), (2, "a", "amd64")]);
        assert_eq!(pick(&platforms, None), Ok(2));
        let error = pick(&index(&[(1, "a", "arm64"), (2, "a", "s390x")]), None).unwrap_err();
        assert!(error.contains("linux/arm64, linux/s390x"), "{error}");
        assert!(pick(&index(&[]), None).is_err());
    }
}
