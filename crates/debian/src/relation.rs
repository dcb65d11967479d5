//! Fields of relations between packages (Debian Policy, 7.1): `a (>= 1) | b:any, c`. What stands
//! there is read here, and versions are compared; which package satisfies what is the callers'.

use std::cmp::Ordering;

use debversion::Version;

/// One alternative: a package, and which of its versions are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation<'a> {
    /// The package's name, without an architecture.
    pub name: &'a str,
    /// What stands after a colon: `any`, `native` or an architecture.
    pub qualifier: Option<&'a str>,
    /// The versions meant; none stands for all of them.
    pub versions: Option<(Operator, &'a str)>,
}

/// How a version stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

impl Operator {
    /// The operator's text, as Debian Policy writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        }
    }

    /// Whether `found` stands so to `wanted`. A text that is no version stands to nothing.
    pub fn holds(self, found: &str, wanted: &str) -> bool {
        let Some(order) = compare(found, wanted) else {
            return false;
        };
        match self {
            Self::Earlier => order == Ordering::Less,
            Self::EarlierOrEqual => order != Ordering::Greater,
            Self::Equal => order == Ordering::Equal,
            Self::LaterOrEqual => order != Ordering::Less,
            Self::Later => order == Ordering::Greater,
        }
    }
}

/// The order of two versions (deb-version(7)); none if one of them is no version.
pub fn compare(left: &str, right: &str) -> Option<Ordering> {
    if left == right {
        return Some(Ordering::Equal);
    }
    let left: Version = left.parse().ok()?;
    Some(left.cmp(&right.parse().ok()?))
}

impl<'a> Relation<'a> {
    /// Reads a field, with commas and bars alike. What is not a relation is passed over.
    pub fn read_all(field: &'a str) -> impl Iterator<Item = Self> {
        field.split([',', '|']).filter_map(Self::read)
    }

    /// Reads one relation; none if the text is no relation.
    pub fn read(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| c == '(' || c == '[' || c.is_ascii_whitespace());
        let (name, rest) = text.split_at(end.unwrap_or(text.len()));
        let (name, qualifier) = match name.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (name, None),
        };
        if name.is_empty() {
            return None;
        }
        let versions = match rest.split_once('(') {
            None => None,
            Some((_, inner)) => Some(read_versions(inner.split_once(')')?.0)?),
        };
        Some(Self {
            name,
            qualifier,
            versions,
        })
    }

    /// Whether it means this package in this version.
    pub fn means(&self, name: &str, version: &str) -> bool {
        self.name == name
            && self
                .versions
                .is_none_or(|(operator, wanted)| operator.holds(version, wanted))
    }
}

fn read_versions(inner: &str) -> Option<(Operator, &str)> {
    let inner = inner.trim();
    let end = inner.find(|c| !matches!(c, '<' | '>' | '='))?;
    let (operator, version) = inner.split_at(end);
    let operator = match operator {
        "<<" => Operator::Earlier,
        "<=" | "<" => Operator::EarlierOrEqual,
        "=" => Operator::Equal,
        ">=" | ">" => Operator::LaterOrEqual,
        ">>" => Operator::Later,
        _ => return None,
    };
    Some((operator, version.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions() {
        let field = "a, b (<< 2.0~),\n c:any (>= 1:1) , d(= 3), , e (%% 1), f (>= %%)";
        let relations: Vec<_> = Relation::read_all(field).collect();
        let means = |name: &str, version: &str| relations.iter().any(|r| r.means(name, version));
        assert!(means("a", "9") && means("b", "1.9") && means("c", "1:1") && means("d", "3"));
        assert!(!means("b", "2.0") && !means("c", "2") && !means("d", "3.1") && !means("e", "1"));
        assert!(!means("f", "1") && !means("", "1"));
        assert_eq!(relations[2].qualifier, Some("any"));
    }

    #[test]
    fn versions_are_not_texts() {
        assert_eq!(compare("1:0", "2"), Some(Ordering::Greater));
        assert_eq!(compare("1.0~rc1", "1.0"), Some(Ordering::Less));
        assert_eq!(compare("1.10", "1.9"), Some(Ordering::Greater));
        assert_eq!(compare("", "1"), None);
    }
}
