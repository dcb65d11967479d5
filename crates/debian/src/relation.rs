//! One field of relations between packages (Debian Policy, 7.1), as far as `Replaces` needs it.

use std::cmp::Ordering;

use debversion::Version;

/// A package, and which of its versions are meant.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    name: String,
    versions: Option<(Operator, Version)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Earlier,
    EarlierOrEqual,
    Equal,
    LaterOrEqual,
    Later,
}

impl Relation {
    /// Reads a field. What is not a relation is passed over: it then allows nothing.
    pub(crate) fn read_all(field: &str) -> Vec<Self> {
        field.split([',', '|']).filter_map(Self::read).collect()
    }

    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find([' ', '(', ':', '\n', '\t']).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        if name.is_empty() {
            return None;
        }
        let name = name.to_owned();
        let Some((_, inner)) = rest.split_once('(') else {
            return Some(Self {
                name,
                versions: None,
            });
        };
        let inner = inner.split(')').next()?.trim();
        let end = inner
            .find(|c| !matches!(c, '<' | '>' | '='))
            .unwrap_or(inner.len());
        let (operator, version) = inner.split_at(end);
        let operator = match operator {
            "<<" => Operator::Earlier,
            "<=" | "<" => Operator::EarlierOrEqual,
            "=" => Operator::Equal,
            ">=" | ">" => Operator::LaterOrEqual,
            ">>" => Operator::Later,
            _ => return None,
        };
        let version = version.trim().parse().ok()?;
        Some(Self {
            name,
            versions: Some((operator, version)),
        })
    }

    /// Whether it means this package.
    pub(crate) fn means(&self, name: &str, version: &str) -> bool {
        if self.name != name {
            return false;
        }
        let Some((operator, wanted)) = &self.versions else {
            return true;
        };
        let Ok(version) = version.parse::<Version>() else {
            return false;
        };
        let order = version.cmp(wanted);
        match operator {
            Operator::Earlier => order == Ordering::Less,
            Operator::EarlierOrEqual => order != Ordering::Greater,
            Operator::Equal => order == Ordering::Equal,
            Operator::LaterOrEqual => order != Ordering::Less,
            Operator::Later => order == Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions() {
        let field = "a, b (<< 2.0~),\n c:any (>= 1:1) , d(= 3), , e (%% 1)";
        let relations = Relation::read_all(field);
        let means = |name: &str, version: &str| relations.iter().any(|r| r.means(name, version));
        assert!(means("a", "9") && means("b", "1.9") && means("c", "1:1") && means("d", "3"));
        assert!(!means("b", "2.0") && !means("c", "2") && !means("d", "3.1") && !means("e", "1"));
        assert!(!means("f", "1") && !means("", "1"));
    }
}
