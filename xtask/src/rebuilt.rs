//! What a new lock rebuilds: parts by layer, and what a user pulls who has the old image.

use anyhow::Result;
use assembler::{PlannedPart, forecast, rebuilt};
use indicatif::HumanBytes;
use layer::Context;
use lock::Lock;
use serde::Serialize;

/// One part that is built anew.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    /// Its layer.
    pub layer: String,
    /// Its name.
    pub name: String,
    /// Compressed size in bytes, or about it.
    pub bytes: u64,
    /// Whether the size is known.
    pub exact: bool,
}

/// What changes between two locks.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rebuilt {
    /// The parts that are built anew.
    pub parts: Vec<Part>,
    /// What a user pulls who has the old image, in bytes.
    pub to_pull: u64,
    /// Whether that is known, or about.
    pub exact: bool,
}

impl Rebuilt {
    /// Compares a lock with the parts of the one before it.
    pub fn new(cx: &Context, before: &[PlannedPart], lock: &Lock) -> Result<Self> {
        let after = forecast(cx, lock)?;
        let parts: Vec<Part> = rebuilt(before, &after)
            .map(|part| Part {
                layer: part.layer.clone(),
                name: part.name.clone(),
                bytes: part.size,
                exact: part.exact,
            })
            .collect();
        Ok(Self {
            to_pull: parts.iter().map(|part| part.bytes).sum(),
            exact: parts.iter().all(|part| part.exact),
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
        if self.parts.is_empty() {
            return "the config alone".to_owned();
        }
        let about = if self.exact { "" } else { "about " };
        format!("{about}{}", HumanBytes(self.to_pull))
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.layer, self.name)
    }
}
