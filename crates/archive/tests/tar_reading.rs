//! Honest tars: each encoding and each order gives the same tree; names, links and holes of every
//! form come out right.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;

use lock::SourceKind;
use making::{Tar, build, gzip, lines, refused, source, tar_tree, text, xz};

fn sample() -> Tar {
    Tar::default()
        .pax(b'g', &[("comment", "0123456789abcdef")])
        .dir("./")
        .dir("./a/")
        .file("./a/text", "some text")
        .program("./a/run", "#!/bin/sh")
        .symlink("./a/link", "../b/other")
        .hardlink("./b/hard", "./a/text")
        .file("./b/other", "")
        .dir("./empty")
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[test]
fn every_encoding_gives_the_same_tree() {
    let expected = lines(&[
        ("a", "folder 755"),
        ("a/link", "symbolic link 777 ../b/other"),
        ("a/run", "file 755 #!/bin/sh"),
        ("a/text", "file 644 some text"),
        ("b", "folder 755"),
        ("b/hard", "hard link 644 opt/thing/a/text"),
        ("b/other", "file 644"),
        ("empty", "folder 755"),
    ]);
    let plain = sample().end();
    // Several members, streams or frames, cut where no block ends.
    let (head, tail) = plain.split_at(777);
    for (name, bytes) in [
        ("plain", plain.clone()),
        ("gzip", gzip(&plain)),
        ("gzip members", [gzip(head), gzip(tail)].concat()),
        ("xz", xz(&plain)),
        ("xz streams", [xz(head), xz(tail)].concat()),
        ("zstd", zst(&plain)),
        ("zstd frames", [zst(head), zst(tail)].concat()),
    ] {
        let built = tar_tree(&bytes).unwrap();
        assert_eq!(text(&built.tree), expected, "{name}");
    }
}

#[test]
fn the_order_of_the_archive_does_not_matter() {
    // Whichever name the archive has first, the first by path is the file.
    let one = Tar::default()
        .file("z", "same")
        .hardlink("m", "z")
        .hardlink("a", "m")
        .dir("d")
        .file("d/x", "x");
    let other = Tar::default()
        .file("d/x", "x")
        .file("a", "same")
        .hardlink("z", "a")
        .hardlink("m", "z")
        .dir("d");
    let [one, other] = [one, other].map(|tar| text(&tar_tree(&tar.end()).unwrap().tree));
    assert_eq!(one, other);
    assert_eq!(one["a"], "file 644 same");
    assert_eq!(one["z"], "hard link 644 opt/thing/a");
}

#[test]
fn subfolder_and_exclusions() {
    let mut source = source(SourceKind::Tar);
    source.subfolder = "a".to_owned();
    source.exclude = vec!["run".to_owned(), "cache/".to_owned()];
    let tar = sample()
        .file("a/cache/x", "left out")
        // Left out, so what it is does not matter.
        .member(b'6', "a/cache/pipe", 0o644, "", b"")
        .member(b'3', "dev/null", 0o644, "", b"")
        .file("ab/no", "a folder of a similar name");
    // `a/link` leads out of the subfolder: the whole archive may have it, the subfolder not.
    let error = build(&source, &tar.clone().end()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "entry \"a/link\" is a symbolic link to \"../b/other\", which leads out of the tree; \
         `exclude` can leave it out"
    );
    source.exclude.push("link".to_owned());
    let built = build(&source, &tar.end()).unwrap();
    assert_eq!(text(&built.tree), lines(&[("text", "file 644 some text")]),);
}

#[test]
fn hard_links_to_what_is_not_taken_become_files() {
    let mut source = source(SourceKind::Tar);
    source.subfolder = "in".to_owned();
    let tar = Tar::default()
        .file("unread", "not wanted at all")
        .program("out/file", "bytes")
        .symlink("out/soft", "b")
        .hardlink("in/b", "out/file")
        .hardlink("in/c", "in/b")
        .hardlink("in/s", "out/soft")
        // Later another file stands there: whoever unpacks has linked to the first.
        .file("out/file", "other bytes");
    let built = build(&source, &tar.end()).unwrap();
    assert_eq!(
        text(&built.tree),
        lines(&[
            ("b", "file 755 bytes"),
            ("c", "hard link 755 opt/thing/b"),
            ("s", "symbolic link 777 b"),
        ])
    );
}

#[test]
fn long_names_of_both_forms() {
    let long = format!("{}/{}", "d".repeat(150), "f".repeat(120));
    let target = format!("x/{}", "t".repeat(200));
    let gnu = Tar::default()
        .member(b'L', "././@LongLink", 0, "", format!("{long}\0").as_bytes())
        .file("cut", "text")
        .member(
            b'K',
            "././@LongLink",
            0,
            "",
            format!("{target}\0").as_bytes(),
        )
        .symlink("soft", "cut");
    let pax = Tar::default()
        .pax(b'x', &[("mtime", "1.5"), ("path", &long)])
        .file("cut", "text")
        .pax(b'x', &[("linkpath", &target)])
        .symlink("soft", "cut");
    let soft = format!("symbolic link 777 {target}");
    let folder = "d".repeat(150);
    let expected = lines(&[
        (&folder, "folder 755"),
        (&long, "file 644 text"),
        ("soft", &soft),
    ]);
    for tar in [gnu, pax] {
        assert_eq!(text(&tar_tree(&tar.end()).unwrap().tree), expected);
    }
    let newline = Tar::default()
        .pax(b'x', &[("path", "a\nb=c")])
        .file("cut", "text");
    let built = tar_tree(&newline.end()).unwrap();
    assert_eq!(text(&built.tree), lines(&[("a\nb=c", "file 644 text")]));
}

#[test]
fn a_size_that_only_the_pax_header_has() {
    let mut tar = Tar::default().pax(b'x', &[("size", "5")]);
    let lies_zero = Tar::default().file("file", "").0;
    tar.0.extend_from_slice(&lies_zero);
    tar.0.extend_from_slice(b"12345");
    tar.0.resize(tar.0.len().next_multiple_of(512), 0);
    let built = tar_tree(&tar.file("next", "x").end()).unwrap();
    assert_eq!(
        text(&built.tree),
        lines(&[("file", "file 644 12345"), ("next", "file 644 x")])
    );
}

#[test]
fn old_forms_of_folders_files_and_labels() {
    let tar = Tar::default()
        .member(b'V', "A label, no path: ../", 0, "", b"")
        .member(0, "old/", 0o755, "", b"")
        .member(0, "old/file", 0o644, "", b"old")
        .member(b'7', "contiguous", 0o644, "", b"in one piece");
    let built = tar_tree(&tar.end()).unwrap();
    assert_eq!(
        text(&built.tree),
        lines(&[
            ("contiguous", "file 644 in one piece"),
            ("old", "folder 755"),
            ("old/file", "file 644 old"),
        ])
    );
}

#[test]
fn the_same_twice_is_once() {
    let tar = Tar::default()
        .dir("d")
        .file("d/f", "text")
        .symlink("s", "d/f")
        .dir("d/")
        .file("d/f", "text")
        .symlink("s", "d/f")
        .hardlink("d/f", "d/f");
    let built = tar_tree(&tar.end()).unwrap();
    assert_eq!(
        text(&built.tree),
        lines(&[
            ("d", "folder 755"),
            ("d/f", "file 644 text"),
            ("s", "symbolic link 777 d/f"),
        ])
    );
}

#[test]
fn holes_of_every_form() {
    let expected = |name: &str| {
        let bytes = format!("{}{}", "\0".repeat(1024), "data") + &"\0".repeat(972);
        lines(&[(name, &format!("file 644 {bytes}"))])
    };
    let mut header = tar::Header::new_gnu();
    header.set_path("old").unwrap();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_mode(0o644);
    header.set_size(4);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.set_real_size(2000);
    gnu.sparse[0].set_offset(1024);
    gnu.sparse[0].set_length(4);
    gnu.sparse[1].set_offset(2000);
    gnu.sparse[1].set_length(0);
    header.set_cksum();
    let mut old = Tar::default();
    old.append(&header, b"data");
    assert_eq!(text(&tar_tree(&old.end()).unwrap().tree), expected("old"));

    let zero = [
        ("GNU.sparse.size", "2000"),
        ("GNU.sparse.numblocks", "2"),
        ("GNU.sparse.offset", "1024"),
        ("GNU.sparse.numbytes", "4"),
        ("GNU.sparse.offset", "2000"),
        ("GNU.sparse.numbytes", "0"),
    ];
    let zero = Tar::default().pax(b'x', &zero).file("zero", "data").end();
    assert_eq!(text(&tar_tree(&zero).unwrap().tree), expected("zero"));

    let one = [
        ("GNU.sparse.size", "2000"),
        ("GNU.sparse.numblocks", "2"),
        ("GNU.sparse.name", "one"),
        ("GNU.sparse.map", "1024,4,2000,0"),
    ];
    let one = Tar::default().pax(b'x', &one).file("made-up", "data").end();
    assert_eq!(text(&tar_tree(&one).unwrap().tree), expected("one"));

    let in_data = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "in-data"),
        ("GNU.sparse.realsize", "2000"),
    ];
    let map = format!("{:\0<512}data", "2\n1024\n4\n2000\n0\n");
    let in_data = Tar::default()
        .pax(b'x', &in_data)
        .file("made-up", &map)
        .end();
    assert_eq!(text(&tar_tree(&in_data).unwrap().tree), expected("in-data"));
}

#[test]
fn sparse_files_that_are_not() {
    for (records, data, why) in [
        (
            vec![("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0")],
            "",
            "sparse form 2.0",
        ),
        (
            vec![("GNU.sparse.map", "0,4")],
            "data",
            "its size is missing",
        ),
        (
            vec![("GNU.sparse.size", "4"), ("GNU.sparse.map", "0,9")],
            "123456789",
            "ends after its 4",
        ),
        (
            vec![("GNU.sparse.size", "9"), ("GNU.sparse.map", "0,9")],
            "1234",
            "has 9 stored bytes",
        ),
        (
            vec![("GNU.sparse.size", "9"), ("GNU.sparse.offset", "0")],
            "",
            "a length without",
        ),
        (
            vec![("GNU.sparse.size", "9"), ("GNU.sparse.numblocks", "1")],
            "",
            "not as long as it says",
        ),
        (
            vec![
                ("GNU.sparse.major", "1"),
                ("GNU.sparse.minor", "0"),
                ("GNU.sparse.realsize", "9"),
            ],
            "2\n0\n",
            "its map of holes does not end",
        ),
    ] {
        let error = refused(Tar::default().pax(b'x', &records).file("holes", data));
        assert!(error.starts_with("entry \"holes\": "), "{error}");
        assert!(error.contains(why), "{records:?}: {error}");
    }
}

#[test]
fn contents_do_not_hold_a_descriptor_each() {
    let mut tar = Tar::default();
    for at in 0..3000 {
        tar = tar.file(&format!("f{at}"), "text");
    }
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let built = tar_tree(&tar.end()).unwrap();
    assert_eq!(text(&built.tree).len(), 3000);
    // Other tests of this process open files meanwhile, but not thousands.
    assert!(open() < before + 500);
}
