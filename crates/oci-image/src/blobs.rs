//! The way of an image's bytes into the store: hashed while they are written, and placed when they are
//! whole and right.

use std::io::{self, Read, Write};

use lock::Sha256;
use store::Store;

use crate::{Error, Result, source::verified};

/// Keeps a small document that has been verified.
pub(crate) fn keep(store: &Store, digest: &Sha256, bytes: &[u8]) -> Result<()> {
    let mut writer = store.blob_writer()?;
    let written = writer.write_all(bytes);
    written.map_err(|source| write_failed(store, source))?;
    writer.commit(digest)?;
    Ok(())
}

/// A small document out of the store; one that is damaged there counts as absent.
pub(crate) fn kept(image: &str, store: &Store, digest: &Sha256, size: u64) -> Option<Vec<u8>> {
    if !store.has_blob(digest, size) {
        return None;
    }
    let bytes = std::fs::read(store.blob_path(digest)).ok()?;
    verified(image, "document", digest, bytes).ok()
}

/// Copies a blob into the store. What is not what its digest names is not kept.
pub(crate) fn bring(
    image: &str,
    what: &'static str,
    store: &Store,
    (digest, size): (&Sha256, u64),
    reader: &mut dyn Read,
    advance: &dyn Fn(u64),
) -> Result<()> {
    let taken = store.take_blob((digest, size), reader, advance);
    taken.map_err(|error| match error {
        store::Error::BlobUnread { source, .. } if other_content(&source).is_some() => {
            Error::Damaged {
                image: image.to_owned(),
                what,
                expected: *digest,
                found: other_content(&source).unwrap_or_default().to_owned(),
            }
        }
        store::Error::BlobUnread { source, .. } => Error::Read {
            image: image.to_owned(),
            what,
            digest: *digest,
            source,
        },
        store::Error::OtherBlob { expected, found } => Error::Damaged {
            image: image.to_owned(),
            what,
            expected,
            found,
        },
        error => Error::Store(error),
    })
}

/// What came instead, where a registry's client has found that it is not what its digest names.
fn other_content(source: &io::Error) -> Option<&str> {
    match source.get_ref()?.downcast_ref::<registry::Error>()? {
        registry::Error::Content { found, .. } => Some(found),
        _ => None,
    }
}

fn write_failed(store: &Store, source: io::Error) -> Error {
    let path = store.root().to_owned();
    Error::Store(match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            store::Error::DiskFull { path, source }
        }
        _ => store::Error::Io {
            what: format!("write into {}", path.display()),
            source,
        },
    })
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
        let bring =
            |bytes: &[u8]| bring("x", "layer", &store, (&digest, size), &mut &*bytes, &|_| ());
        for bad in [&b"some byteS"[..], b"some", b"some bytes more"] {
            let error = bring(bad).unwrap_err().to_string();
            assert!(error.contains("is damaged"), "{error}");
            assert!(!store.has_blob(&digest, size));
        }
        bring(&text).unwrap();
        assert_eq!(kept("x", &store, &digest, size), Some(text));
        std::fs::write(store.blob_path(&digest), b"SOME BYTES").unwrap();
        assert_eq!(kept("x", &store, &digest, size), None, "damaged later");
        // As the client of a registry says it: to read it once more would not help.
        struct Other;
        impl Read for Other {
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
        let taken = super::bring("x", "layer", &store, (&digest, size), &mut Other, &|_| ());
        let error = taken.unwrap_err().to_string();
        assert!(error.contains("is damaged: its bytes are b"), "{error}");
        let left = std::fs::read_dir(store.root().join("tmp")).unwrap().count();
        assert_eq!(left, 0);
    }
}
