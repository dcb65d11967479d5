//! What an archive offers for one architecture: its Packages indexes (Debian Policy, 5 and 7),
//! reduced to the fields that a resolution and a lock need. Relations stay texts until they are
//! asked for: of some 70,000 packages a resolution looks at some hundred.

use std::{cmp::Ordering, io::BufRead};

use debian::relation::{Operator, Relation, compare};
use lock::Sha256;

use crate::{
    Error, Result,
    names::{Name, Names},
    stanza::{Stanza, Stanzas},
};

/// A package of an index: its place among all packages of a [`Packages`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(pub(crate) u32);

/// The packages of an archive, for one architecture.
#[derive(Debug)]
pub struct Packages {
    architecture: String,
    pub(crate) names: Names,
    packages: Vec<Package>,
    /// By name: its versions, the highest first.
    versions: Vec<Vec<Id>>,
    /// By name: who provides it, in the order of the index.
    providers: Vec<Vec<(Id, Option<Box<str>>)>>,
}

/// One package in one version.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: Name,
    pub(crate) version: Box<str>,
    pub(crate) all: bool,
    pub(crate) filename: Box<str>,
    pub(crate) size: u64,
    pub(crate) sha256: Sha256,
    pub(crate) essential: bool,
    pub(crate) important: bool,
    pub(crate) priority: Priority,
    pub(crate) pre_depends: Box<str>,
    pub(crate) depends: Box<str>,
    pub(crate) recommends: Box<str>,
    pub(crate) conflicts: Box<str>,
    pub(crate) breaks: Box<str>,
}

/// `Priority` (Debian Policy, 2.5), the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    Required,
    Important,
    Standard,
    Optional,
    Extra,
}

/// One alternative of a relation, its name being known to the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term<'a> {
    pub(crate) name: Name,
    pub(crate) versions: Option<(Operator, &'a str)>,
    /// Whether only the package of that name will do, and nothing that provides it.
    pub(crate) real: bool,
}

impl Packages {
    /// An archive without packages. `architecture` is dpkg's name of it, such as `amd64`.
    pub fn new(architecture: impl Into<String>) -> Self {
        Self {
            architecture: architecture.into(),
            names: Names::default(),
            packages: Vec::new(),
            versions: Vec::new(),
            providers: Vec::new(),
        }
    }

    /// Adds the stanzas of a Packages index. Packages of other architectures are passed over.
    /// `index` stands in messages.
    ///
    /// # Errors
    /// [`Error::Index`] for a text that is no index, and what reading gives.
    pub fn read(&mut self, index: &str, text: impl BufRead) -> Result<()> {
        let wrong = |problem: String| Error::Index {
            index: index.to_owned(),
            problem,
        };
        let mut stanzas = Stanzas::new(text);
        while let Some(stanza) = stanzas.next().map_err(wrong)? {
            let stanza = stanza.map_err(wrong)?;
            self.add(&stanza).map_err(|problem| {
                wrong(format!(
                    "{}: {problem}",
                    stanza.get("Package").unwrap_or("stanza without a name")
                ))
            })?;
        }
        Ok(())
    }

    /// dpkg's name of the architecture.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.packages.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// The versions that a package is there in, the highest first. None for a name that is
    /// unknown or merely provided.
    pub fn versions_of(&self, name: &str) -> Vec<&str> {
        self.names
            .find(name)
            .map(|name| self.versions(name))
            .unwrap_or_default()
            .iter()
            .map(|id| &*self.get(*id).version)
            .collect()
    }

    /// The highest version of a package, where it is higher than `than`.
    pub fn newer(&self, name: &str, than: &str) -> Option<&str> {
        let highest = self.versions_of(name).into_iter().next()?;
        (compare(highest, than) == Some(Ordering::Greater)).then_some(highest)
    }

    pub(crate) fn get(&self, id: Id) -> &Package {
        &self.packages[id.0 as usize]
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.packages.len() as u32).map(Id)
    }

    pub(crate) fn versions(&self, name: Name) -> &[Id] {
        self.versions
            .get(name.0 as usize)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    pub(crate) fn text(&self, id: Id) -> &str {
        self.names.text(self.get(id).name)
    }

    /// The groups of a positive field; each is a list of alternatives.
    pub(crate) fn groups<'a>(&self, field: &'a str) -> Vec<Vec<Term<'a>>> {
        let groups = field.split(',').map(|group| {
            let terms = group.split('|').filter_map(Relation::read);
            terms.filter_map(|relation| self.term(relation)).collect()
        });
        groups.filter(|group: &Vec<_>| !group.is_empty()).collect()
    }

    /// The terms of a negative field.
    pub(crate) fn terms<'a>(&self, field: &'a str) -> Vec<Term<'a>> {
        Relation::read_all(field)
            .filter_map(|relation| self.term(relation))
            .collect()
    }

    /// A relation with its name as a number. None for a name that was never met.
    pub(crate) fn term<'a>(&self, relation: Relation<'a>) -> Option<Term<'a>> {
        let name = with_name(&relation, &self.architecture, |text| self.names.find(text))?;
        Some(Term {
            name,
            versions: relation.versions,
            real: false,
        })
    }

    /// The packages that satisfy a term, in any version: those of that name, then its providers.
    pub(crate) fn satisfying(&self, term: Term<'_>) -> impl Iterator<Item = Id> {
        let fits = move |version: &str| {
            term.versions
                .is_none_or(|(operator, wanted)| operator.holds(version, wanted))
        };
        let real = self.versions(term.name).iter().copied();
        let real = real.filter(move |id| fits(&self.get(*id).version));
        let providers = self.providers.get(term.name.0 as usize);
        let providers = providers.map(Vec::as_slice).unwrap_or_default().iter();
        let provided = providers.filter(move |(_, version)| match version {
            _ if term.real => false,
            Some(version) => fits(version),
            None => term.versions.is_none(),
        });
        real.chain(provided.map(|(id, _)| *id))
    }

    fn add(&mut self, stanza: &Stanza<'_>) -> Result<(), String> {
        let need = |field| stanza.get(field).ok_or_else(|| format!("no {field} field"));
        let yes = |field| stanza.get(field) == Some("yes");
        let architecture = need("Architecture")?;
        if architecture != "all" && architecture != self.architecture {
            return Ok(());
        }
        let (name, version) = (self.meet(need("Package")?), need("Version")?);
        let number = |field| {
            let text = need(field)?;
            text.parse()
                .map_err(|_| format!("{field}: expected a number of bytes, found {text:?}"))
        };
        let sha256 = need("SHA256")?;
        let package = Package {
            name,
            version: version.into(),
            all: architecture == "all",
            filename: need("Filename")?.into(),
            size: number("Size")?,
            sha256: sha256.parse().map_err(|error| format!("SHA256: {error}"))?,
            essential: yes("Essential"),
            // apt knows the field under both names.
            important: yes("Important") || yes("Protected"),
            priority: match stanza.get("Priority") {
                Some("required") => Priority::Required,
                Some("important") => Priority::Important,
                Some("standard") => Priority::Standard,
                Some("optional") => Priority::Optional,
                _ => Priority::Extra,
            },
            pre_depends: self.meet_all(stanza, "Pre-Depends")?,
            depends: self.meet_all(stanza, "Depends")?,
            conflicts: self.meet_all(stanza, "Conflicts")?,
            breaks: self.meet_all(stanza, "Breaks")?,
            recommends: self.meet_all(stanza, "Recommends")?,
        };
        // Not kept, but met in this order by apt too.
        for field in ["Suggests", "Replaces", "Enhances"] {
            self.meet_all(stanza, field)?;
        }
        let id = Id(u32::try_from(self.packages.len()).map_err(|error| error.to_string())?);
        self.provide(id, stanza)?;
        self.packages.push(package);
        let (packages, versions) = (&self.packages, slot(&mut self.versions, name));
        let at = versions.iter().position(|other| {
            let other = &packages[other.0 as usize].version;
            compare(version, other) == Some(Ordering::Greater)
        });
        versions.insert(at.unwrap_or(versions.len()), id);
        Ok(())
    }

    /// Notes what a package provides. A package that says `Multi-Arch: allowed` is what `x:any`
    /// means, and so is what it provides.
    fn provide(&mut self, id: Id, stanza: &Stanza<'_>) -> Result<(), String> {
        let any = stanza.get("Multi-Arch") == Some("allowed");
        let field = stanza.joined("Provides").unwrap_or_default();
        for relation in relations("Provides", &field)? {
            let version = match relation.versions {
                None => None,
                Some((Operator::Equal, version)) => Some(version),
                Some((operator, _)) => {
                    let (name, operator) = (relation.name, operator.as_str());
                    return Err(format!("Provides: {name}: expected =, found {operator}"));
                }
            };
            let mut names = vec![];
            match relation.qualifier {
                None if any => {
                    names.extend([format!("{}:any", relation.name), relation.name.to_owned()])
                }
                None => names.push(relation.name.to_owned()),
                Some("any") => names.push(format!("{}:any", relation.name)),
                Some(other) if other == self.architecture => names.push(relation.name.to_owned()),
                Some(_) => {}
            }
            for name in names {
                let name = self.meet(&name);
                slot(&mut self.providers, name).push((id, version.map(Into::into)));
            }
        }
        if any && let (Some(name), Some(version)) = (stanza.get("Package"), stanza.get("Version")) {
            let name = self.meet(&format!("{name}:any"));
            slot(&mut self.providers, name).push((id, Some(version.into())));
        }
        Ok(())
    }

    fn meet(&mut self, name: &str) -> Name {
        self.names.meet(name)
    }

    /// Meets all names in a field, and gives its text.
    fn meet_all(&mut self, stanza: &Stanza<'_>, field: &str) -> Result<Box<str>, String> {
        let Some(text) = stanza.joined(field) else {
            return Ok("".into());
        };
        for relation in relations(field, &text)? {
            let names = &mut self.names;
            with_name(&relation, &self.architecture, |text| Some(names.meet(text)));
        }
        Ok(text.into())
    }
}

/// All relations of a field; the error is a sentence.
fn relations<'a>(field: &str, text: &'a str) -> Result<Vec<Relation<'a>>, String> {
    text.split([',', '|'])
        .filter(|part| !part.trim().is_empty())
        .map(|part| {
            Relation::read(part)
                .ok_or_else(|| format!("{field}: expected a relation, found {:?}", part.trim()))
        })
        .collect()
}

/// What a relation is about, as the index calls it: `x:any` by that name; one that asks for this
/// architecture by the plain name; none of another architecture is ever there.
fn with_name<T>(
    relation: &Relation<'_>,
    architecture: &str,
    lookup: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    match relation.qualifier {
        None | Some("native") => lookup(relation.name),
        Some(qualifier) if qualifier == architecture => lookup(relation.name),
        Some(qualifier) => lookup(&format!("{}:{qualifier}", relation.name)),
    }
}

/// The place for a name in a list by name.
fn slot<T: Default>(list: &mut Vec<T>, name: Name) -> &mut T {
    let at = name.0 as usize;
    if list.len() <= at {
        list.resize_with(at + 1, T::default);
    }
    &mut list[at]
}
