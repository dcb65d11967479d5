//! What a new lock rebuilds: parts by layer, and what a user pulls who has the old image.

use anyhow::Result;
use assembler::{PlannedPart, forecast_on, rebuilt, to_fetch};
use indicatif::HumanBytes;
use layer::Context;
use lock::Lock;
use oci_image::Below;
use serde::Serialize;

/// One part that the lock before had not.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    /// Its layer.
    pub layer: String,
    /// Its name.
    pub name: String,
    /// Compressed size in bytes, or about it.
    pub bytes: u64,
    /// It stands in the store or in the image below already: nothing is to be built, and its size is known.
    pub in_store: bool,
    /// It stands in the image below: nothing is to be built there either.
    pub below: bool,
}

/// What changes between two locks.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rebuilt {
    /// The parts that the lock before had not: built anew, unless they stand in the store.
    pub parts: Vec<Part>,
    /// There was no lock before: all parts are new.
    pub first: bool,
    /// What a user pulls who has the old image, or of a first one all of it, in bytes.
    pub to_pull: u64,
    /// Whether that is known, or about.
    pub exact: bool,
    /// What the next build of all that the lock names fetches, in bytes.
    #[serde(skip)]
    pub to_fetch: u64,
}

impl Rebuilt {
    /// Compares a lock, on the image below it, with the parts of the one before it, if there was one.
    pub fn new(
        cx: &Context,
        before: Option<&[PlannedPart]>,
        lock: &Lock,
        below: Option<&Below>,
    ) -> Result<Self> {
        let after = forecast_on(cx, lock, below)?;
        let parts: Vec<Part> = rebuilt(before.unwrap_or_default(), &after)
            .into_iter()
            .map(|part| Part {
                layer: part.layer,
                name: part.name,
                bytes: part.size,
                in_store: part.in_store,
                below: part.below,
            })
            .collect();
        let of_below = below.map(Below::missing).unwrap_or_default();
        let of_below: u64 = of_below.iter().map(|layer| layer.size).sum();
        Ok(Self {
            first: before.is_none(),
            to_pull: parts.iter().map(|part| part.bytes).sum(),
            exact: parts.iter().all(|part| part.in_store),
            to_fetch: to_fetch(&cx.store, lock, &after) + of_below,
            parts,
        })
    }

    /// The parts' names for people, at most `most` of them.
    pub fn names(&self, most: usize) -> String {
        if self.parts.is_empty() {
            return "none".to_owned();
        }
        let names = self.parts.iter().take(most);
        let mut names: Vec<String> = names.map(|part| part.to_string()).collect();
        if self.parts.len() > most {
            names.push(format!("{} more", self.parts.len() - most));
        }
        names.join(", ")
    }

    /// What there is to pull, for people.
    pub fn pull(&self) -> String {
        if self.parts.is_empty() && !self.first {
            return "the config alone".to_owned();
        }
        let about = if self.exact { "" } else { "about " };
        format!("{about}{}", HumanBytes(self.to_pull))
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let note = match (self.below, self.in_store) {
            (true, _) => " (in the image below)",
            (false, true) => " (in the store)",
            (false, false) => "",
        };
        write!(f, "{}: {}{note}", self.layer, self.name)
    }
}
