//! The text files of a `.dist-info` folder: fields in the form of RFC 822, and comparison of versions.

/// The first value of a header field in METADATA or WHEEL (core metadata; names in any case).
pub(crate) fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines()
        .take_while(|line| !line.is_empty())
        .find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
}

/// Whether two versions are equal (PEP 440), or the same text where they are not versions.
pub(crate) fn same_version(one: &str, other: &str) -> bool {
    match (
        one.parse::<pep440_rs::Version>(),
        other.parse::<pep440_rs::Version>(),
    ) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_fields() {
        assert!(same_version("1.0", "1.0.0") && same_version("2.0.0RC1", "2.0rc1"));
        assert!(!same_version("1.0", "1.0+cu130"));
        assert_eq!(
            field("Name: a\nversion:  1 \n\nName: b", "Version"),
            Some("1")
        );
    }
}
