//! `Link: <…>; rel="next"` (RFC 8288), which registries page with.

/// The address of the next page.
pub(super) fn next(lines: &[String]) -> Option<&str> {
    lines.iter().find_map(|line| {
        let mut rest = line.as_str();
        loop {
            let (_, after) = rest.split_once('<')?;
            let (address, after) = after.split_once('>')?;
            // Parameters end where the next address begins.
            let end = after.find('<').unwrap_or(after.len());
            let is_next = after[..end].split([';', ',']).any(|parameter| {
                let (name, value) = parameter.split_once('=').unwrap_or_default();
                let value = value.trim().trim_matches('"');
                name.trim().eq_ignore_ascii_case("rel")
                    && value.split(' ').any(|rel| rel.eq_ignore_ascii_case("next"))
            });
            if is_next {
                return Some(address);
            }
            rest = &after[end..];
        }
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_next_page() {
        let next = |line: &str| super::next(&[line.to_owned()]).map(str::to_owned);
        assert_eq!(
            next(r#"</v2/a/tags/list?last=b&n=2>; rel="next""#).unwrap(),
            "/v2/a/tags/list?last=b&n=2"
        );
        assert_eq!(
            next("<a>; rel=prev, <b>; title=\"x\"; rel=next").unwrap(),
            "b"
        );
        assert_eq!(next("<a>; rel=prev"), None);
        assert_eq!(next("<a"), None);
        assert_eq!(next(""), None);
    }
}
