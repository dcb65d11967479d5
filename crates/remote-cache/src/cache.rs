//! A cache that is asked: entries are read, checked, and believed or not.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::Read,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use layer::{BoxError, Part, PartCache};
use lock::Sha256;
use registry::{Client, Manifest, Patience, Repository, media_type};
use store::{Key, Progress};

use crate::{
    Secret,
    entry::{About, Descriptor, Entry, read_owned},
};

/// The largest packed index that is read, in bytes.
const INDEX_LIMIT: u64 = 64 << 20;

/// How long to put up with a cache that does not answer a question: it only saves work.
const BRIEF: Patience = Patience {
    tries: 3,
    wait: Duration::from_millis(500),
    longest: Duration::from_secs(2),
    obeyed: Duration::from_secs(10),
};

/// A repository of a registry that keeps parts by recipe key. The user has named it.
pub struct Cache {
    /// For bytes that are worth waiting for.
    pub(crate) client: Client,
    /// For questions.
    pub(crate) asking: Client,
    pub(crate) repository: Repository,
    pub(crate) secret: Secret,
    progress: Arc<dyn Progress>,
    /// It did not answer; it is not asked again.
    lost: AtomicBool,
    distrusted: Mutex<BTreeSet<Key>>,
    /// The indexes of the parts that were told of, by the part's tar.
    indexes: Mutex<BTreeMap<(Key, Sha256), Descriptor>>,
    /// OCI's empty blob was put there.
    pub(crate) has_empty: Mutex<bool>,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("repository", &self.repository)
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// The cache in a repository. Nothing is asked yet.
    pub fn new(
        client: Client,
        repository: Repository,
        secret: Secret,
        progress: Arc<dyn Progress>,
    ) -> Self {
        Self {
            asking: client.with_patience(BRIEF),
            client,
            repository,
            secret,
            progress,
            lost: AtomicBool::new(false),
            distrusted: Mutex::default(),
            indexes: Mutex::default(),
            has_empty: Mutex::default(),
        }
    }

    /// Where it is.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Bytes that have come from its registry.
    pub fn received(&self) -> u64 {
        self.client.received()
    }

    /// The document under a key's tag, where there is one. A cache that cannot be asked is a warning, once.
    fn document(&self, about: About, key: &Key) -> Option<Manifest> {
        if self.lost.load(Ordering::Relaxed) || taken(&self.distrusted).contains(key) {
            return None;
        }
        let tag = about.tag(key);
        let accept = [media_type::MANIFEST];
        let answer = self
            .asking
            .manifest(&self.repository, tag.as_str(), &accept);
        self.answered(about, key, answer).flatten()
    }

    /// What a call about an entry gave. Where what came is not what it should be, the entry is refused; where
    /// nothing came the cache is lost.
    fn answered<T>(&self, about: About, key: &Key, answer: registry::Result<T>) -> Option<T> {
        use registry::Error::{Content, Odd, TooLarge, WrongDigest};

        match answer {
            Ok(answer) => Some(answer),
            Err(error @ (Content { .. } | WrongDigest { .. } | TooLarge { .. } | Odd { .. })) => {
                // Its hint is for those who push.
                let text = error.to_string();
                self.refuse(about, key, text.lines().next().unwrap_or_default());
                None
            }
            Err(error) => {
                if !self.lost.swap(true, Ordering::Relaxed) {
                    self.progress.warn(&format!(
                        "the cache {} cannot be used, so it is done without: {error}",
                        self.repository
                    ));
                }
                None
            }
        }
    }

    fn refuse(&self, about: About, key: &Key, problem: &str) {
        taken(&self.distrusted).insert(*key);
        self.progress.warn(&format!(
            "the cache {}: the entry {} is not taken: {problem}",
            self.repository,
            about.tag(key)
        ));
    }

    /// Whether the blobs of an entry are all there, with the sizes that it says.
    fn has_blobs(&self, key: &Key, entry: &Entry) -> Option<()> {
        for part in &entry.parts {
            let found = self.asking.head_blob(&self.repository, &part.digest);
            let problem = match self.answered(About::Parts, key, found)? {
                Some(size) if size == part.size => continue,
                Some(size) => format!(
                    "its blob {} has {size} bytes, and its record says {}",
                    part.digest.to_oci(),
                    part.size
                ),
                None => format!("its blob {} is not there", part.digest.to_oci()),
            };
            self.refuse(About::Parts, key, &problem);
            return None;
        }
        Some(())
    }
}

impl PartCache for Cache {
    fn name(&self) -> String {
        self.repository.to_string()
    }

    fn parts(&self, key: &Key) -> Option<Vec<Part>> {
        let manifest = self.document(About::Parts, key)?;
        let entry = match Entry::read(key, &manifest.bytes, &self.secret) {
            Ok(entry) => entry,
            Err(problem) => {
                self.refuse(About::Parts, key, &problem);
                return None;
            }
        };
        self.has_blobs(key, &entry)?;
        let mut indexes = taken(&self.indexes);
        for (part, index) in entry.parts.iter().zip(entry.indexes) {
            indexes.insert((*key, part.diff_id), index);
        }
        Some(entry.parts)
    }

    fn is_owned(&self, key: &Key) -> bool {
        let Some(manifest) = self.document(About::Owned, key) else {
            return false;
        };
        let read = read_owned(key, &manifest.bytes, &self.secret);
        read.map_err(|problem| self.refuse(About::Owned, key, &problem))
            .is_ok()
    }

    fn blob(&self, part: &Part) -> Result<Box<dyn Read + Send>, BoxError> {
        let reader = self
            .client
            .pull_blob(&self.repository, &part.digest, part.size)?;
        Ok(Box::new(reader))
    }

    fn index(&self, part: &Part) -> Result<Vec<u8>, BoxError> {
        let index = taken(&self.indexes).get(&(part.key, part.diff_id)).cloned();
        let digest = index.as_ref().and_then(Descriptor::sha256);
        let Some(digest) = digest else {
            return Err("its entry names no index".into());
        };
        let bytes = self
            .client
            .blob_bytes(&self.repository, &digest, INDEX_LIMIT)?;
        bytes.ok_or_else(|| format!("its index {} is not there", digest.to_oci()).into())
    }

    fn distrust(&self, key: &Key) {
        taken(&self.distrusted).insert(*key);
    }
}

fn taken<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
