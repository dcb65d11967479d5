//! Records of a PAX extended header (POSIX.1-2008, pax): `length key=value\n`, the length counting
//! all of it. By length and not by line, since a value may have newlines in it.

/// Keys and values, in order; `None` where a record is malformed.
pub(crate) fn records(mut bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let length = number(&bytes[..space])? as usize;
        if length <= space + 1 || length > bytes.len() || bytes[length - 1] != b'\n' {
            return None;
        }
        let record = &bytes[space + 1..length - 1];
        let equals = record.iter().position(|byte| *byte == b'=')?;
        records.push((&record[..equals], &record[equals + 1..]));
        bytes = &bytes[length..];
    }
    Some(records)
}

/// A number in decimal digits, and nothing else.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text)
        .ok()?
        .parse()
        .ok()
        .filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_length_and_not_by_line() {
        let text = b"12 path=a\nb\n9 size=7\n";
        let expected: Vec<(&[u8], &[u8])> = vec![(b"path", b"a\nb"), (b"size", b"7")];
        assert_eq!(records(text), Some(expected));
        assert_eq!(records(b""), Some(Vec::new()));
    }

    #[test]
    fn malformed_ones() {
        for bad in [
            &b"9 size=7"[..],
            b"8 size=7\n",
            b"11 size=7\n",
            b"99999999999999999999 a=b\n",
            b"1 a=b\n",
            b"2 \n",
            b"+9 size=7\n",
            b"5 abc\n",
            b"\0\0",
        ] {
            assert_eq!(records(bad), None, "{:?}", String::from_utf8_lossy(bad));
        }
    }
}
