//! The way of an image's bytes into the store, which verifies them, and what is told where they are wrong.

use std::io;

use lock::Sha256;
use store::Store;

use crate::{Error, Result, source::verified};

/// Keeps a small document that has been verified.
pub(crate) fn keep(store: &Store, digest: &Sha256, bytes: &[u8]) -> Result<()> {
    let blob = (digest, bytes.len() as u64);
    Ok(store.take_blob(blob, &mut &*bytes, &|_| ())?)
}

/// A small document out of the store; one that is damaged there counts as absent.
pub(crate) fn kept(image: &str, store: &Store, digest: &Sha256, size: u64) -> Option<Vec<u8>> {
    if !store.has_blob(digest, size) {
        return None;
    }
    let bytes = std::fs::read(store.blob_path(digest)).ok()?;
    verified(image, "document", digest, bytes).ok()
}

/// What the store says of a blob that was to be taken in, told of an image.
pub(crate) fn told(image: &str, what: &'static str, digest: &Sha256, error: store::Error) -> Error {
    let damaged = |found: String| Error::Damaged {
        image: image.to_owned(),
        what,
        expected: *digest,
        found,
    };
    match error {
        store::Error::BlobUnread { source, .. } => match other_content(&source) {
            Some(found) => damaged(found.to_owned()),
            None => Error::Read {
                image: image.to_owned(),
                what,
                digest: *digest,
                source,
            },
        },
        store::Error::OtherBlob { found, .. } => damaged(found),
        error => Error::Store(error),
    }
}

/// What came instead, where a registry's client has found that it is not what its digest names.
fn other_content(source: &io::Error) -> Option<&str> {
    match source.get_ref()?.downcast_ref::<registry::Error>()? {
        registry::Error::Content { found, .. } => Some(found),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::sha256_of;

    #[test]
    fn only_what_the_digest_names_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let text = b"some bytes".to_vec();
        let digest = sha256_of(&text);
        let size = text.len() as u64;
        let bring = |reader: &mut dyn io::Read| {
            let taken = store.take_blob((&digest, size), reader, &|_| ());
            taken.map_err(|error| told("x", "layer", &digest, error))
        };
        for bad in [&b"some byteS"[..], b"some", b"some bytes more"] {
            let error = bring(&mut &*bad).unwrap_err().to_string();
            assert!(error.contains("is damaged"), "{error}");
            assert!(!store.has_blob(&digest, size));
        }
        bring(&mut &*text).unwrap();
        assert_eq!(kept("x", &store, &digest, size), Some(text));
        std::fs::write(store.blob_path(&digest), b"SOME BYTES").unwrap();
        assert_eq!(kept("x", &store, &digest, size), None, "damaged later");
        // As the client of a registry says it: to read it once more would not help.
        struct Other;
        impl io::Read for Other {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                let (what, expected, found) = ("it".to_owned(), "a".to_owned(), "b".to_owned());
                let content = registry::Error::Content {
                    what,
                    expected,
                    found,
                };
                Err(io::Error::other(content))
            }
        }
        let error = bring(&mut Other).unwrap_err().to_string();
        assert!(error.contains("is damaged: its bytes are b"), "{error}");
        let left = std::fs::read_dir(store.root().join("tmp")).unwrap().count();
        assert_eq!(left, 0);
    }
}
