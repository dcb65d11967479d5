//! A plan: how one part is made, and the keys that its results stand under.

use std::{fmt, sync::Arc};

use lock::Artifact;
use store::{Key, KeyBuilder};

use crate::{Context, Package, Part, Rank, Result, Tree, parts::lookup, split::PART_LIMIT};

/// Version of everything here that shapes a part's bytes: tar form, cuts, splitting. Change it
/// whenever one of them changes.
const FORMAT: &str = "strata part 2";

/// How one part is made, or several where a tree is over the limit.
pub struct Plan<'p> {
    pub(crate) name: String,
    recipe: Key,
    pub(crate) weight: u64,
    /// First those that `make` surely fetches.
    pub(crate) artifacts: Vec<Artifact>,
    surely: usize,
    pub(crate) rank: Rank,
    pub(crate) packages: Arc<[Package]>,
    pub(crate) prepare: Option<Prepare<'p>>,
    pub(crate) make: Make<'p>,
}

pub(crate) type Prepare<'p> = Box<dyn FnOnce(&Context) -> Result<()> + Send + 'p>;
pub(crate) type Make<'p> = Box<dyn FnOnce(&Context) -> Result<Tree> + Send + 'p>;

impl<'p> Plan<'p> {
    /// A plan. `recipe` covers everything that the tree depends on; compression and this crate's
    /// own format are added to it. `weight` is about how many bytes it is, to start the largest
    /// first. `make` is called only when the store does not have the parts.
    pub fn new(
        name: impl Into<String>,
        recipe: Key,
        weight: u64,
        make: impl FnOnce(&Context) -> Result<Tree> + Send + 'p,
    ) -> Self {
        Self {
            name: name.into(),
            recipe,
            weight,
            artifacts: Vec::new(),
            surely: 0,
            rank: Rank::default(),
            packages: Arc::default(),
            prepare: None,
            make: Box::new(make),
        }
    }

    /// Artifacts that `make` fetches in any case. They come into the store before it is called, and their room
    /// on the disk is looked for before anything starts.
    #[must_use]
    pub fn fetching(mut self, artifacts: impl IntoIterator<Item = Artifact>) -> Self {
        let before = self.artifacts.len();
        self.artifacts.splice(..0, artifacts);
        self.surely += self.artifacts.len() - before;
        self
    }

    /// Artifacts that `make` fetches if something else is not in the store: their room is looked for, and they
    /// wait for `make` to ask.
    #[must_use]
    pub fn perhaps_fetching(mut self, artifacts: impl IntoIterator<Item = Artifact>) -> Self {
        self.artifacts.extend(artifacts);
        self
    }

    /// What can be done for it while its downloads come, such as starting a program that other plans use too.
    #[must_use]
    pub fn preparing(mut self, prepare: impl FnOnce(&Context) -> Result<()> + Send + 'p) -> Self {
        self.prepare = Some(Box::new(prepare));
        self
    }

    /// What is inside its parts: for annotations of the image, and not part of the recipe.
    #[must_use]
    pub fn holding(mut self, packages: impl IntoIterator<Item = Package>) -> Self {
        let mut packages: Vec<Package> = packages.into_iter().collect();
        packages.sort();
        self.packages = packages.into();
        self
    }

    /// Its parts are a stage of one growing system: a later stage may change files of an earlier.
    #[must_use]
    pub fn stage(mut self) -> Self {
        self.rank = Rank::Stage;
        self
    }
}

impl Plan<'_> {
    /// The name of its part.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// About how many bytes it is.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// The artifacts that it fetches, or may fetch.
    pub fn artifacts(&self) -> &[Artifact] {
        &self.artifacts
    }

    /// Those that are fetched before it is made.
    pub(crate) fn beforehand(&self) -> &[Artifact] {
        &self.artifacts[..self.surely]
    }

    /// Whether its parts are a stage of one growing system: see [`Plan::stage`].
    pub fn is_stage(&self) -> bool {
        self.rank == Rank::Stage
    }

    /// What is inside its parts, sorted.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The parts that the store has of it.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub fn known(&self, cx: &Context) -> Result<Option<Vec<Part>>> {
        lookup(cx, &self.keys(cx), &self.packages)
    }

    /// The key of its tars, whatever they are compressed with: the recipe and this crate's format.
    pub fn tars(&self) -> Key {
        let mut key = KeyBuilder::new(FORMAT);
        key.key("recipe", &self.recipe);
        key.field("name", &self.name);
        key.number("limit", PART_LIMIT);
        key.finish()
    }

    /// The key of its parts: the recipe, this crate's format, the compression.
    pub fn key(&self, cx: &Context) -> Key {
        self.keys(cx).parts
    }

    pub(crate) fn keys(&self, cx: &Context) -> Keys {
        let tars = self.tars();
        let mut key = KeyBuilder::new(FORMAT);
        key.key("tars", &tars);
        cx.compression.add_to(&mut key);
        let parts = key.finish();
        Keys { tars, parts }
    }
}

/// What a plan's results stand under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys {
    /// Its tars: the recipe and this crate's format.
    pub(crate) tars: Key,
    /// Its parts: the tars and how they are compressed.
    pub(crate) parts: Key,
}

impl fmt::Debug for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("name", &self.name)
            .field("recipe", &self.recipe)
            .finish_non_exhaustive()
    }
}
