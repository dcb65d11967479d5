//! `--pin NAME=VERSION`: the version goes into the line that names the package, or into a new one.

use lock::{LayerName, normalised};

use super::{Change, EditionFile, ListKind};

use crate::{DebianRequest, Error, Relation, Requirement, RequirementFrom, Result};

impl EditionFile {
    /// Pins a package to a version: in the line that names it, else as a new line of `layer` (a limit
    /// for a Python package, the package itself for Debian's). `kind` says whose package it is.
    ///
    /// # Errors
    /// A version that is not valid, a package that comes from a URL, or a file that cannot be edited.
    pub fn pin(
        &mut self,
        layer: LayerName,
        kind: ListKind,
        name: &str,
        version: &str,
    ) -> Result<Change> {
        if kind == ListKind::Debian {
            return self.pin_debian(layer, name, version);
        }
        let name = normalised(name);
        let pin = format!("{name}=={version}");
        ListKind::Constraints.name(&pin)?;
        for at in LayerName::ALL {
            for (line, span) in self.lines(at, ListKind::Python)? {
                let Ok(found) = Requirement::parse(&line) else {
                    continue;
                };
                if found.name != name {
                    continue;
                }
                if !matches!(found.from, RequirementFrom::Index(_)) {
                    return Err(Error::Pin {
                        name,
                        version: version.to_owned(),
                        problem: format!(
                            "layer {at} takes it from elsewhere: {line:?}; change that line"
                        ),
                    });
                }
                let written =
                    line.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
                let mut new = line[..written.unwrap_or(line.len())].to_owned();
                if !found.extras.is_empty() {
                    new += &format!("[{}]", found.extras.join(","));
                }
                new += &format!("=={version}");
                if let Some(marker) = &found.marker {
                    new += &format!(" ; {marker}");
                }
                return Ok(self.exchange(&span, line, new));
            }
        }
        for at in LayerName::ALL {
            let lines = self.lines(at, ListKind::Constraints)?;
            let same = |line: &str| {
                ListKind::Constraints
                    .name(line)
                    .is_ok_and(|other| other == name)
            };
            if let Some((line, span)) = lines.into_iter().find(|(line, _)| same(line)) {
                return Ok(self.exchange(&span, line, pin));
            }
        }
        self.add_one(layer, ListKind::Constraints, &pin)
    }

    fn pin_debian(&mut self, layer: LayerName, name: &str, version: &str) -> Result<Change> {
        let pin = DebianRequest {
            name: name.to_owned(),
            version: Some((Relation::Equal, version.to_owned())),
        }
        .to_string();
        ListKind::Debian.name(&pin)?;
        for at in LayerName::ALL {
            let lines = self.lines(at, ListKind::Debian)?;
            let same =
                |line: &str| DebianRequest::parse(line).is_ok_and(|other| other.name == name);
            if let Some((line, span)) = lines.into_iter().find(|(line, _)| same(line)) {
                return Ok(self.exchange(&span, line, pin));
            }
        }
        self.add_one(layer, ListKind::Debian, &pin)
    }
}
