//! The digests of a small layer in each encoding, written out. When one changes, every user's
//! image changes: so a codec's update, or a change of the tar form, shows here first.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

use std::{io::Read, sync::Arc};

use layer::{Compression, Context, Entry, EntryPath, Part, PartOrigin, Plan, Tree, build_parts};
use store::{Fetcher, KeyBuilder, Places, Silent, Store};
use strata_layer as layer;

const DIFF_ID: &str = "c2d96e3e6af8a67859eb29627ecf2dac3caaf7e1b62a9ae7e2570b467ba62281";
const ZSTD: &str = "9679ded084ca4f3f6a664cfe0c91f9313271836f5c222564ee1660002a40e140";
const GZIP: &str = "d759c28e5b3e61c16f9bbfdea76112dbcc4d1115bc556454e8e1857bcb0d047e";

fn path(text: &str) -> EntryPath {
    EntryPath::new(text).unwrap()
}

/// Three MiB of text that compresses, a file of ten MiB that is cut, links, modes, a long name.
fn tree() -> layer::Result<Tree> {
    let mut tree = Tree::new();
    for at in 0..300u32 {
        let text = format!("line {at}\n").repeat(1000).into_bytes();
        tree.insert(Entry::file(
            path(&format!("usr/share/t/{at:03}.txt")),
            Arc::new(text),
            false,
        ))?;
    }
    let large: Vec<u8> = (0..10u32 << 20).map(|at| (at / 7 % 251) as u8).collect();
    tree.insert(Entry::file(
        path("usr/lib/large.bin"),
        Arc::new(large),
        false,
    ))?;
    tree.insert(Entry::file(
        path("usr/bin/tool"),
        Arc::new(b"#!/bin/sh\n".to_vec()),
        true,
    ))?;
    tree.insert(Entry::symlink(path("bin"), "usr/bin"))?;
    tree.insert(Entry::dir(path("tmp")).with_mode(0o1777))?;
    let long = format!("usr/{}/{}", "d".repeat(160), "f".repeat(120));
    tree.insert(Entry::file(path(&long), Arc::new(Vec::new()), false))?;
    Ok(tree)
}

fn context(folder: &std::path::Path, compression: Compression) -> Context {
    let store = Store::open(folder).unwrap();
    let fetcher = Fetcher::new(Places::none(), Arc::new(Silent), true);
    let mut cx = Context::new(store, fetcher).unwrap();
    cx.compression = compression;
    cx
}

fn build(cx: &Context) -> Part {
    let recipe = KeyBuilder::new("golden").finish();
    let mut parts = build_parts(cx, vec![Plan::new("golden", recipe, 1, |_| tree())]).unwrap();
    assert_eq!(parts.len(), 1);
    parts.remove(0)
}

#[test]
fn digests_are_what_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let zstd = build(&context(folder.path(), Compression::default()));
    let gzip = build(&context(folder.path(), Compression::gzip(6).unwrap()));
    assert_eq!(zstd.diff_id, gzip.diff_id);
    assert_eq!(
        [zstd.diff_id, zstd.digest, gzip.digest].map(|digest| digest.to_string()),
        [DIFF_ID, ZSTD, GZIP]
    );
}

#[test]
fn the_blob_decodes_to_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let part = build(&context(folder.path(), Compression::default()));
    let file = std::fs::File::open(&part.path).unwrap();
    let mut archive = tar::Archive::new(zstd::Decoder::new(file).unwrap());
    let expected = tree().unwrap();
    let mut count = 0;
    for (found, entry) in archive.entries().unwrap().zip(expected.iter()) {
        let mut found = found.unwrap();
        let name = found.path_bytes().into_owned();
        assert_eq!(
            name.strip_suffix(b"/").unwrap_or(&name),
            entry.path.as_bytes()
        );
        assert_eq!(found.header().mode().unwrap(), entry.mode);
        assert_eq!(found.header().mtime().unwrap(), 315_532_800);
        if let layer::Kind::File(content) = &entry.kind {
            let mut bytes = Vec::new();
            found.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, layer::read_small(content.as_ref(), 1 << 30).unwrap());
        }
        count += 1;
    }
    assert_eq!(count, expected.len());
    let files = layer::read_index(&Store::open(folder.path()).unwrap(), &part).unwrap();
    assert_eq!(files.len(), expected.len());
}

#[test]
fn a_second_build_reuses_and_a_lost_blob_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let cx = context(folder.path(), Compression::default());
    let first = build(&cx);
    assert!(matches!(first.origin, PartOrigin::Built(_)));
    assert_eq!(build(&cx).origin, PartOrigin::Reused);
    std::fs::remove_file(&first.path).unwrap();
    let again = build(&cx);
    assert!(matches!(again.origin, PartOrigin::Built(_)));
    assert_eq!((again.digest, again.path.exists()), (first.digest, true));
}

#[test]
fn content_that_lies_about_its_size_is_refused_and_leaves_no_blob() {
    #[derive(Debug)]
    struct Liar;
    impl layer::Content for Liar {
        fn size(&self) -> u64 {
            10
        }
        fn copy_to(&self, out: &mut dyn std::io::Write) -> Result<(), layer::BoxError> {
            Ok(out.write_all(b"eleven chars")?)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let cx = context(folder.path(), Compression::default());
    let plan = Plan::new("liar", KeyBuilder::new("liar").finish(), 1, |_| {
        let mut tree = Tree::new();
        tree.insert(Entry::file(path("a/liar"), Arc::new(Liar), false))?;
        Ok(tree)
    });
    let error = build_parts(&cx, vec![plan]).unwrap_err();
    assert_eq!(error.to_string(), "a/liar: announced 10 bytes, gave 12");
    let left = std::fs::read_dir(folder.path().join("blobs/sha256"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

#[test]
fn a_tree_over_the_limit_becomes_several_parts() {
    let folder = tempfile::tempdir().unwrap();
    let cx = context(folder.path(), Compression::zstd(1).unwrap());
    let plan = Plan::new("big", KeyBuilder::new("big").finish(), 1, |_| {
        let mut tree = Tree::new();
        for at in 0..3 {
            let content = Zeros(layer::PART_LIMIT / 2 - 4096);
            tree.insert(Entry::file(
                path(&format!("d/{at}")),
                Arc::new(content),
                false,
            ))?;
        }
        Ok(tree)
    });
    let parts = build_parts(&cx, vec![plan]).unwrap();
    let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["big 1/2", "big 2/2"]);
}

/// Zeros, any number of them, in blocks.
#[derive(Debug)]
struct Zeros(u64);

impl layer::Content for Zeros {
    fn size(&self) -> u64 {
        self.0
    }

    fn copy_to(&self, out: &mut dyn std::io::Write) -> Result<(), layer::BoxError> {
        std::io::copy(&mut std::io::repeat(0).take(self.0), out)?;
        Ok(())
    }
}
