//! Zips that lie: each is refused with an error that names the entry, what was expected and what
//! was found. The zips are made here, byte by byte, so that every field can be wrong.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;

use std::io::Write;

use making::{Entry, deflated, stored, zip};
use strata_zip::{Error, Result, ZipFile};

fn open(bytes: &[u8]) -> Result<ZipFile> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    // The open file outlives its name.
    ZipFile::open(file.path())
}

fn refused(entries: &[Entry]) -> String {
    open(&zip(entries)).unwrap_err().to_string()
}

fn unread(entry: Entry) -> String {
    open(&zip(&[entry]))
        .unwrap()
        .read(0, 1 << 30)
        .unwrap_err()
        .to_string()
}

#[test]
fn honest_ones_are_read() {
    let text = b"some text, some text, some text".repeat(100);
    let large: Vec<u8> = (0..3u32 << 20).map(|at| (at % 251) as u8).collect();
    let descriptor = Entry {
        flags: 8,
        ..deflated("later", &text)
    };
    let wide = Entry {
        zip64: true,
        ..deflated("wide", &text)
    };
    let program = Entry {
        mode: 0o100_744,
        ..stored("program", &text)
    };
    let entries = [
        stored("a/b", &text),
        deflated("c", &text),
        deflated("large", &large),
        descriptor,
        wide,
        program,
    ];
    let zip = open(&zip(&entries)).unwrap();
    for (at, expected) in [&text, &text, &large, &text, &text, &text]
        .into_iter()
        .enumerate()
    {
        assert_eq!(&zip.read(at, 1 << 30).unwrap(), expected, "{at}");
        assert_eq!(zip.content(at).size(), expected.len() as u64);
    }
    assert!(zip.entries()[5].is_executable() && !zip.entries()[0].is_executable());
}

#[test]
fn paths_that_lead_elsewhere() {
    assert!(refused(&[stored("../x", b"")]).contains("leads outside"));
    assert!(refused(&[stored("a/../../x", b"")]).contains("leads outside"));
    assert!(refused(&[stored("/etc/passwd", b"")]).contains("absolute"));
    assert!(refused(&[stored("a//b", b"")]).contains("empty component"));
    assert_eq!(
        refused(&[stored("a", b""), stored("a", b"")]),
        "entry \"a\" stands twice"
    );
}

#[test]
fn sizes_and_sums_that_lie() {
    for size in [3, 2 << 20] {
        let bytes = vec![7; size];
        let honest = deflated("file", &bytes);
        let less = unread(Entry {
            size: size as u64 - 1,
            ..honest.clone()
        });
        assert!(
            less.contains(&format!("declared size is {} bytes, found more", size - 1)),
            "{less}"
        );
        let more = unread(Entry {
            size: size as u64 + 9,
            ..honest.clone()
        });
        assert!(
            more.contains(&format!("is {} bytes, found {size}", size + 9)),
            "{more}"
        );
        let crc = unread(Entry {
            crc: honest.crc ^ 1,
            ..honest.clone()
        });
        assert!(crc.contains(&format!("found {:08x}", honest.crc)), "{crc}");
    }
    let stored = refused(&[Entry {
        size: 4,
        ..stored("file", b"abc")
    }]);
    assert_eq!(stored, "entry \"file\": declared size is 4 bytes, found 3");
}

#[test]
fn what_says_two_things() {
    let other = Entry {
        local_name: Some("fake".to_owned()),
        ..stored("real", b"x")
    };
    let error = unread(other);
    assert!(
        error.contains("\"fake\"") && error.contains("\"real\""),
        "{error}"
    );
    // Two directory entries for the same bytes.
    let mut bytes = zip(&[stored("one", b"x"), stored("two", b"x")]);
    let second = bytes.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    bytes[second + 42..second + 46].copy_from_slice(&[0; 4]);
    assert!(matches!(open(&bytes), Err(Error::Overlap { .. })));
}

#[test]
fn what_is_not_supported_says_so() {
    let locked = Entry {
        flags: 1,
        ..stored("file", b"x")
    };
    assert!(refused(&[locked]).contains("encryption is not supported"));
    let other = Entry {
        method: 14,
        ..stored("file", b"x")
    };
    assert!(refused(&[other]).contains("compression method 14 is not supported"));
}

#[test]
fn cut_anywhere_it_is_an_error_and_no_panic() {
    let whole = zip(&[deflated("a", &[1; 500]), stored("b", b"text")]);
    for length in 0..whole.len() {
        assert!(open(&whole[..length]).is_err(), "{length}");
    }
}

#[test]
fn no_single_flipped_byte_goes_unnoticed_in_content() {
    let text = b"some text that is long enough to be packed, packed, packed".repeat(5);
    let entry = deflated("a", &text);
    let (start, end) = (31, 31 + entry.packed.len());
    let whole = zip(&[entry]);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let read = open(&bytes).and_then(|zip| zip.read(0, 1 << 30));
        if (start..end).contains(&at) {
            assert!(read.is_err(), "byte {at}");
        } else if let Ok(read) = read {
            assert_eq!(read, text, "byte {at}");
        }
    }
}

#[test]
fn streams_that_do_not_end_where_their_bytes_end() {
    for size in [3, 2 << 20] {
        let honest = deflated("file", &vec![7; size]);
        let mut more = honest.clone();
        // What a reader of gzip would take for the end of a member, and then some.
        more.packed.extend_from_slice(&honest.crc.to_le_bytes());
        more.packed
            .extend_from_slice(&(honest.size as u32).to_le_bytes());
        let error = unread(more);
        assert!(
            error.contains(&format!("it ends after {} of", honest.packed.len())),
            "{error}"
        );
        let mut less = honest.clone();
        less.packed.pop();
        let error = unread(less);
        assert!(error.contains("it has no end"), "{error}");
    }
}
