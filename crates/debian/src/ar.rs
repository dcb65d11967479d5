//! The outer format of a package: an ar archive of three members (deb(5)).

use std::{fs::File, os::unix::fs::FileExt};

/// A member: its name, and where its bytes lie in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// Reads the members' headers. The error is a sentence.
pub(crate) fn members(file: &File) -> Result<Vec<Member>, String> {
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let mut magic = [0; 8];
    file.read_exact_at(&mut magic, 0)
        .map_err(|_| "not an ar archive: too short".to_owned())?;
    if &magic != b"!<arch>\n" {
        return Err("not an ar archive: it does not begin with !<arch>".to_owned());
    }
    let mut members = Vec::new();
    let mut at = 8;
    while at < length {
        let mut header = [0; 60];
        file.read_exact_at(&mut header, at)
            .map_err(|_| format!("the ar header at byte {at} is cut short"))?;
        if &header[58..] != b"`\n" {
            return Err(format!("no ar header at byte {at}"));
        }
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&header[range])
                .trim_end()
                .to_owned()
        };
        let size = text(48..58);
        // `parse` takes a plus sign, which no ar writes.
        let size: u64 = Some(size)
            .filter(|size| size.starts_with(|c: char| c.is_ascii_digit()))
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| format!("the ar header at byte {at} has no size"))?;
        let offset = at + 60;
        if size > length - offset.min(length) {
            let name = text(0..16);
            return Err(format!(
                "member {name} should have {size} bytes, the file ends after {}",
                length - offset.min(length)
            ));
        }
        let name = text(0..16).trim_end_matches('/').to_owned();
        members.push(Member { name, offset, size });
        at = offset + size + size % 2;
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Member>, String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        members(&file)
    }

    fn member(name: &str, size: &str, bytes: &[u8]) -> Vec<u8> {
        let mut out = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
            0, 0, 0, 100_644
        )
        .into_bytes();
        out.extend_from_slice(bytes);
        out
    }

    #[test]
    fn members_with_padding() {
        let bytes = [
            b"!<arch>\n".to_vec(),
            member("a/", "3", b"xyz\n"),
            member("b", "2", b"12"),
        ]
        .concat();
        let found = read(&bytes).unwrap();
        assert_eq!(
            found[0],
            Member {
                name: "a".into(),
                offset: 68,
                size: 3
            }
        );
        assert_eq!(found[1].offset, 132);
    }

    #[test]
    fn damage_is_told() {
        assert!(read(b"PK").unwrap_err().contains("too short"));
        let long = [b"!<arch>\n".to_vec(), member("a", "99", b"xy")].concat();
        assert_eq!(
            read(&long).unwrap_err(),
            "member a should have 99 bytes, the file ends after 2"
        );
        for size in ["x", "", "-1", "+1", "9999999999"] {
            let bad = [b"!<arch>\n".to_vec(), member("a", size, b"xy")].concat();
            let told = read(&bad).unwrap_err();
            assert!(
                told.contains("no size") || told.contains("should have"),
                "{told}"
            );
        }
        let cut = [
            b"!<arch>\n".to_vec(),
            member("a", "2", b"xy"),
            b"b   ".to_vec(),
        ]
        .concat();
        assert_eq!(
            read(&cut).unwrap_err(),
            "the ar header at byte 70 is cut short"
        );
    }
}
