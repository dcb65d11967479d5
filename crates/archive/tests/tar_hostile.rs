//! Tars that lie or lead elsewhere: each is refused with an error that names the entry.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;

use std::io::{Read, Write};

use lock::SourceKind;
use making::{Tar, build, build_at, gzip, refused, source, tar_tree, xz};
use strata_archive::Error;

fn error(bytes: &[u8]) -> Error {
    match tar_tree(bytes) {
        Ok(_) => panic!("taken"),
        Err(error) => error,
    }
}

#[test]
fn names_that_lead_elsewhere() {
    for (name, why) in [
        ("../x", "the path leads outside with `..`"),
        ("a/../../x", "the path leads outside with `..`"),
        ("/etc/passwd", "the path is absolute"),
        ("a//b", "the path has an empty component, `.` or NUL"),
        ("a/./b", "the path has an empty component, `.` or NUL"),
    ] {
        assert_eq!(
            refused(Tar::default().file(name, "x")),
            format!("{name:?}: {why}")
        );
        let long = Tar::default()
            .pax(b'x', &[("path", name)])
            .file("fine", "x");
        assert_eq!(refused(long), format!("{name:?}: {why}"));
    }
    let nul = Tar::default()
        .pax(b'x', &[("path", "a\0b")])
        .file("fine", "x");
    assert!(refused(nul).contains("NUL"));
    assert!(refused(Tar::default().file("", "x")).contains("the path is empty"));
    assert!(refused(Tar::default().file(".", "x")).contains("the path is empty"));
}

#[test]
fn a_hostile_name_is_refused_outside_of_the_subfolder_too() {
    let mut source = source(SourceKind::Tar);
    source.subfolder = "a".to_owned();
    let tar = Tar::default().file("a/b", "x").file("../x", "x");
    let error = build(&source, &tar.end()).err().unwrap().to_string();
    assert!(error.contains("leads outside"), "{error}");
}

#[test]
fn symbolic_links_that_lead_out() {
    for target in ["/etc/passwd", "..", "../../x", "a/../../x", "up/../.."] {
        let tar = Tar::default()
            .symlink("up", "d")
            .dir("d")
            .symlink("l", target);
        assert_eq!(
            refused(tar),
            format!(
                "entry \"l\" is a symbolic link to {target:?}, which leads out of the tree; \
                 `exclude` can leave it out"
            )
        );
    }
    let circle = Tar::default().symlink("a", "b").symlink("b", "a");
    assert!(refused(circle).contains("leads round in a circle"));
}

#[test]
fn what_lies_below_no_folder() {
    let below_link = "entry \"a/b\" lies below \"a\", which is a symbolic link";
    let one = Tar::default().symlink("a", "c").file("a/b", "x");
    let other = Tar::default().file("a/b", "x").symlink("a", "c");
    assert_eq!([refused(one), refused(other)], [below_link; 2]);
    let below_file = "entry \"a/b/c\" lies below \"a\", which is a file";
    let one = Tar::default().file("a", "x").file("a/b/c", "x");
    let other = Tar::default().file("a/b/c", "x").file("a", "x");
    assert_eq!([refused(one), refused(other)], [below_file; 2]);
}

#[test]
fn paths_that_stand_twice() {
    let first = || Tar::default().file("a", "one").symlink("s", "a").dir("d");
    for (tar, problem) in [
        (
            first().file("a", "two"),
            "\"a\" stands twice: a file, then one with other bytes or another mode",
        ),
        (
            first().file("a", "longer"),
            "\"a\" stands twice: a file, then one with other bytes or another mode",
        ),
        (
            first().program("a", "one"),
            "\"a\" stands twice: a file, then one with other bytes or another mode",
        ),
        (first().dir("a"), "\"a\" stands twice: file, then folder"),
        (
            first().symlink("a", "d"),
            "\"a\" stands twice: file, then symbolic link",
        ),
        (
            first().file("d", ""),
            "\"d\" stands twice: folder, then file",
        ),
        (
            first().symlink("s", "d"),
            "\"s\" stands twice: a symbolic link, then one to another target",
        ),
        (
            first().file("b", "two").hardlink("a", "b"),
            "\"a\" stands twice: a file, then one with other bytes or another mode",
        ),
    ] {
        assert_eq!(refused(tar), format!("entry {problem}"));
    }
}

#[test]
fn what_is_no_file() {
    for (kind, word) in [
        (b'3', "character device"),
        (b'4', "block device"),
        (b'6', "fifo"),
        (b'M', "member of type 'M'"),
        (b'D', "member of type 'D'"),
    ] {
        let tar = Tar::default().member(kind, "dev/thing", 0o644, "", b"");
        assert_eq!(
            refused(tar),
            format!(
                "entry \"dev/thing\" is a {word}, which is not taken from an archive; `exclude` \
                 can leave it out"
            )
        );
    }
}

#[test]
fn hard_links_to_nothing() {
    for target in ["b", "../x", "/a", "d", ""] {
        let tar = Tar::default()
            .dir("d")
            .hardlink("a", target)
            .file("b", "too late");
        assert_eq!(
            refused(tar),
            format!("entry \"a\" is a hard link to {target:?}, which is no file before it")
        );
    }
}

#[test]
fn data_where_there_are_none() {
    for kind in [b'1', b'2', b'5'] {
        let tar = Tar::default()
            .file("b", "")
            .member(kind, "a", 0o755, "b", b"text");
        assert_eq!(
            refused(tar),
            "entry \"a\": a folder or link with 4 bytes of data"
        );
    }
}

#[test]
fn cut_anywhere_it_is_an_error() {
    let whole = Tar::default()
        .file("a", "text")
        .file("b", &"text".repeat(300))
        .end();
    for length in 0..whole.len() {
        let Err(error) = tar_tree(&whole[..length]) else {
            // Of the two blocks of zeros one will do.
            assert!(length >= whole.len() - 512, "{length}");
            continue;
        };
        match (length, &error) {
            (0, Error::NotTar { .. }) => {}
            (1..=511, Error::CutShort { place, .. }) => assert_eq!(place, "its beginning"),
            (512..=1535, Error::CutShort { place, .. }) => assert_eq!(place, "entry \"a\""),
            (1536.., Error::CutShort { place, size }) => {
                assert_eq!((place.as_str(), *size), ("entry \"b\"", length as u64));
            }
            _ => panic!("{length}: {error}"),
        }
    }
    for packed in [
        gzip(&whole),
        xz(&whole),
        zstd::encode_all(&whole[..], 1).unwrap(),
    ] {
        for length in 1..packed.len() {
            assert!(
                tar_tree(&packed[..length]).is_err(),
                "{length} of {}",
                packed.len()
            );
        }
    }
}

#[test]
fn broken_streams() {
    let noise: String = (0..20_000u32)
        .map(|at| char::from(b'a' + (at * at % 23) as u8))
        .collect();
    let whole = Tar::default().file("a", &noise).end();
    for (packed, word) in [
        (gzip(&whole), "gzip"),
        (xz(&whole), "xz"),
        (zstd_with_sum(&whole), "zstd"),
    ] {
        let mut broken = packed.clone();
        let middle = broken.len() / 2;
        broken[middle] ^= 0x55;
        let found = error(&broken).to_string();
        assert!(
            found.contains("entry \"a\"") || found.contains("beginning"),
            "{found}"
        );
        // A sum at the end of the stream is verified, though the tar ended before it.
        let mut sum = packed.clone();
        let at = sum.len() - if word == "gzip" { 8 } else { 4 };
        sum[at] ^= 0x55;
        assert!(tar_tree(&sum).is_err(), "{word}");
        let joined = [packed, b"what is this".to_vec()].concat();
        let found = error(&joined).to_string();
        assert!(
            found.starts_with(&format!("broken {word} stream at entry \"a\"")),
            "{found}"
        );
    }
}

#[test]
fn what_is_no_tar() {
    for (bytes, found) in [
        (&b""[..], "an empty file"),
        (b"PK\x03\x04rest of a zip", "a zip"),
        (b"BZh91AY&SY", "bzip2"),
        (&[b'x'; 2000], "something else"),
    ] {
        assert_eq!(
            error(bytes).to_string(),
            format!("expected a tar (plain, gzip, xz or zstd), found {found}")
        );
    }
    let found = error(&gzip(&gzip(
        &Tar::default().file("a", &"x".repeat(9000)).end(),
    )));
    assert!(
        matches!(found, Error::NotTar { .. } | Error::CutShort { .. }),
        "{found}"
    );
}

#[test]
fn sizes_that_lie() {
    let honest = Tar::default()
        .file("a", &"text ".repeat(300))
        .file("b", "x");
    let with_size = |size: u64| {
        let mut bytes = honest.clone().end();
        let mut header = tar::Header::from_byte_slice(&bytes[..512]).clone();
        header.set_size(size);
        header.set_cksum();
        bytes[..512].copy_from_slice(header.as_bytes());
        error(&bytes)
    };
    // Less: what should be the next header is text. More: the archive ends within the entry.
    let less = with_size(700).to_string();
    assert_eq!(
        less,
        "no header at byte 1536, after entry \"a\": its checksum is wrong"
    );
    let more = with_size(70_000).to_string();
    assert!(
        more.starts_with("cut short at entry \"a\", after "),
        "{more}"
    );
    let absurd = with_size(1 << 60).to_string();
    assert!(
        absurd.starts_with("at entry \"a\" it unpacks to more than 1073741824 bytes"),
        "{absurd}"
    );
}

#[test]
fn an_archive_that_goes_on_after_its_end() {
    let one = Tar::default().file("a", "x").end();
    let joined = [one.clone(), Tar::default().file("b", "x").end()].concat();
    assert_eq!(
        error(&joined).to_string(),
        "no header at byte 1536, after entry \"a\": the archive goes on after the zeros that end it"
    );
    // Zeros are what tapes are filled up with.
    let filled = [one, vec![0; 10_000]].concat();
    assert!(tar_tree(&filled).is_ok());
}

#[test]
fn headers_that_contradict_each_other() {
    let long = |name: &str| format!("{name}\0").into_bytes();
    let two_names = Tar::default()
        .member(b'L', "l", 0, "", &long("one"))
        .pax(b'x', &[("path", "two")])
        .file("x", "");
    assert!(refused(two_names).contains("name different paths"));
    let twice = Tar::default()
        .member(b'L', "l", 0, "", &long("one"))
        .member(b'L', "l", 0, "", &long("one"))
        .file("x", "");
    assert!(refused(twice).contains("it has a long name twice"));
    let twice = Tar::default()
        .pax(b'x', &[("path", "a"), ("path", "b")])
        .file("x", "");
    assert!(refused(twice).contains("it has path twice"));
    let alone = Tar::default().pax(b'x', &[("path", "a")]);
    assert!(refused(alone).contains("an entry should follow"));
    let global = Tar::default().pax(b'g', &[("path", "a")]).file("x", "");
    assert!(refused(global).contains("a global PAX header sets path"));
    let number = Tar::default().pax(b'x', &[("size", "-1")]).file("x", "");
    assert!(refused(number).contains("PAX record size is no number"));
    let malformed = Tar::default()
        .member(b'x', "p", 0, "", b"12 path=a\n")
        .file("x", "");
    assert!(refused(malformed).contains("its PAX header is malformed"));
    let endless = Tar::default()
        .member(b'L', "l", 0, "", &vec![b'a'; (1 << 20) + 1])
        .file("x", "");
    assert!(refused(endless).contains("1048577 bytes of names"));
}

#[test]
fn bombs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb");
    let mut out = zstd::Encoder::new(std::fs::File::create(&path).unwrap(), 1).unwrap();
    // Honest as far as it goes: four files of 300 MiB that pack to nothing.
    let size = 300u64 << 20;
    for name in ["a", "b", "c", "d"] {
        let mut header = tar::Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_mode(0o644);
        header.set_size(size);
        header.set_cksum();
        out.write_all(header.as_bytes()).unwrap();
        std::io::copy(&mut std::io::repeat(0).take(size), &mut out).unwrap();
    }
    out.finish().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() < 1 << 20);
    let found = match build_at(&source(SourceKind::Tar), &path, folder) {
        Ok(_) => panic!("taken"),
        Err(error) => error.to_string(),
    };
    assert!(
        found.starts_with("at entry \"d\" it unpacks to more than 1073741824 bytes"),
        "{found}"
    );

    // A hole costs nothing to declare.
    let hole = [
        ("GNU.sparse.size", "99999999999999"),
        ("GNU.sparse.map", "0,4"),
    ];
    let found = refused(Tar::default().pax(b'x', &hole).file("hole", "data"));
    assert!(
        found.starts_with("at entry \"hole\" it unpacks to more than"),
        "{found}"
    );
    // Nor do many of them.
    let mut many = Tar::default();
    for at in 0..3 {
        let hole = [("GNU.sparse.size", "500000000"), ("GNU.sparse.map", "0,4")];
        many = many.pax(b'x', &hole).file(&format!("hole{at}"), "data");
    }
    let found = refused(many);
    assert!(
        found.starts_with("at entry \"hole2\" it unpacks to more than"),
        "{found}"
    );
}

fn zstd_with_sum(bytes: &[u8]) -> Vec<u8> {
    let mut out = zstd::Encoder::new(Vec::new(), 1).unwrap();
    out.include_checksum(true).unwrap();
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}
