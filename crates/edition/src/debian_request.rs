//! A Debian package as an edition asks for it: `gcc`, `gcc=4:15.2.0-5`, `gcc (>= 4:15)`.

use std::fmt;

/// How a version is compared (Debian policy, 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
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

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        })
    }
}

/// A Debian package that a layer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebianRequest {
    /// The package's name.
    pub name: String,
    /// Which versions will do; `None`: any.
    pub version: Option<(Relation, String)>,
}

impl fmt::Display for DebianRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            None => f.write_str(&self.name),
            Some((Relation::Equal, version)) => write!(f, "{}={version}", self.name),
            Some((relation, version)) => write!(f, "{} ({relation} {version})", self.name),
        }
    }
}

impl DebianRequest {
    /// Parses `name`, `name=version` (as apt writes it) or `name (relation version)` (as Debian's
    /// control files do).
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let (name, version) = if let Some((name, rest)) = text.split_once('(') {
            let inner = rest.trim_end().strip_suffix(')').ok_or_else(|| {
                (
                    format!("{text:?} has no closing )"),
                    format!("write \"{} (>= 1.0)\"", name.trim()),
                )
            })?;
            let inner = inner.trim();
            let split = inner
                .find(|c: char| !"<>=".contains(c))
                .unwrap_or(inner.len());
            let (sign, version) = inner.split_at(split);
            let relation = relation(sign).ok_or_else(|| {
                (
                    format!("{sign:?} is no relation of Debian's"),
                    "the relations are <<, <=, =, >= and >>".to_owned(),
                )
            })?;
            (name.trim(), Some((relation, version.trim())))
        } else if let Some((name, version)) = text.split_once('=') {
            if let Some(name) = name.strip_suffix(['<', '>', '~', '!', '=']) {
                return Err((
                    format!("{text:?} is not how Debian writes a version"),
                    format!("write \"{} (>= VERSION)\" or \"{0}=VERSION\"", name.trim()),
                ));
            }
            (name, Some((Relation::Equal, version)))
        } else {
            (text, None)
        };
        check_name(name)?;
        let version = match version {
            Some((relation, version)) => {
                check_version(version)?;
                Some((relation, version.to_owned()))
            }
            None => None,
        };
        Ok(Self {
            name: name.to_owned(),
            version,
        })
    }
}

fn relation(sign: &str) -> Option<Relation> {
    Some(match sign {
        "<<" => Relation::Earlier,
        "<=" => Relation::EarlierOrEqual,
        "=" => Relation::Equal,
        ">=" => Relation::LaterOrEqual,
        ">>" => Relation::Later,
        _ => return None,
    })
}

/// Debian policy, 5.6.7: lower-case letters, digits, `+ - .`; at least two, the first alphanumeric.
fn check_name(name: &str) -> Result<(), (String, String)> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.len() >= 2
        && name.starts_with(plain)
        && name.chars().all(|c| plain(c) || "+-.".contains(c))
    {
        return Ok(());
    }
    let hint = if name.contains('|') {
        "name the one package that you want".to_owned()
    } else if name.contains(':') {
        "leave the architecture out: it is that of [debian]".to_owned()
    } else if name.contains([' ', '<', '>']) {
        "write \"name\", \"name=1.2-3\" or \"name (>= 1.2)\"".to_owned()
    } else if name.to_ascii_lowercase() != name {
        format!("write \"{}\"", name.to_ascii_lowercase())
    } else {
        "a name has lower-case letters, digits, + - and ., and at least two of them".to_owned()
    };
    Err((format!("{name:?} cannot be a Debian package"), hint))
}

/// Debian policy, 5.6.12: `[epoch:]upstream[-revision]`.
fn check_version(version: &str) -> Result<(), (String, String)> {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    let letters = |text: &str, more: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let good = !epoch.is_empty()
        && epoch.chars().all(|c| c.is_ascii_digit())
        && upstream.starts_with(|c: char| c.is_ascii_digit())
        && letters(upstream, ".+-~")
        && letters(revision, "+.~");
    if good {
        Ok(())
    } else {
        Err((
            format!("{version:?} cannot be a Debian version"),
            "a version is [EPOCH:]UPSTREAM[-REVISION], such as 4:15.2.0-5; upstream starts with a \
             digit"
                .to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms() {
        for (text, shown) in [
            ("g++", "g++"),
            ("gcc-15=15.2.0-9", "gcc-15=15.2.0-9"),
            ("libbar (>= 1)", "libbar (>= 1)"),
            ("libbar(<<2:1.0~rc1-1+b2)", "libbar (<< 2:1.0~rc1-1+b2)"),
            ("libbar (= 1)", "libbar=1"),
        ] {
            assert_eq!(DebianRequest::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_cannot_be() {
        for text in [
            "",
            "g",
            "GCC",
            "gcc:amd64",
            "a b",
            "gcc==1",
            "gcc>=1",
            "gcc (~ 1)",
            "gcc (>= 1",
            "gcc=",
            "gcc=a1",
            "gcc=x:1",
            "gcc=1-",
            "a1 | b1",
            "-gcc",
            "gcc ()",
        ] {
            assert!(DebianRequest::parse(text).is_err(), "{text}");
        }
    }
}
