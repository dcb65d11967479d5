//! Zip entries in a gzip layer: the deflate streams as they lie, around them members of our own, and
//! inside the same tar as in a zstd layer.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use layer::{Compression, Context, Entry, EntryPath, Part, Plan, Tree, build_parts};
use making::{deflated, stored, zip};
use store::{Fetcher, KeyBuilder, Places, Silent, Store};
use strata_zip::ZipFile;

/// Text that packs well, and bytes that hardly do.
fn contents() -> Vec<(&'static str, Vec<u8>)> {
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut bytes = vec![0; 9 << 20];
    noise.fill(&mut bytes);
    vec![
        ("empty", Vec::new()),
        ("large.so", bytes),
        ("text", b"some text, some text\n".repeat(20)),
        ("zeros", vec![0; 30 << 20]),
    ]
}

fn entries() -> Vec<making::Entry> {
    let mut entries: Vec<_> = contents()
        .into_iter()
        .map(|(name, bytes)| deflated(name, &bytes))
        .collect();
    entries.push(stored("stored", &vec![b'x'; 100_000]));
    for at in 0..3000 {
        entries.push(deflated(
            format!("small/{at:04}"),
            format!("number {at}\n").repeat(at % 50).as_bytes(),
        ));
    }
    entries
}

fn part(folder: &Path, compression: Compression, threads: usize) -> Part {
    let path = folder.join("a.zip");
    File::create(&path)
        .unwrap()
        .write_all(&zip(&entries()))
        .unwrap();
    let store = Store::open(folder.join(format!("store-{threads}"))).unwrap();
    let fetcher = Fetcher::new(Places::none(), Arc::new(Silent), true);
    let mut cx = Context::with_threads(store, fetcher, threads).unwrap();
    cx.compression = compression;
    let plan = Plan::new("zip", KeyBuilder::new("zip").finish(), 1, |_| {
        let zip = ZipFile::open(&path).unwrap();
        let mut tree = Tree::new();
        for (at, entry) in zip.entries().iter().enumerate() {
            let path = EntryPath::new(entry.path.as_bytes()).unwrap();
            tree.insert(Entry::file(path, zip.content(at), false))?;
        }
        Ok(tree)
    });
    build_parts(&cx, vec![plan]).unwrap().remove(0)
}

fn tar(part: &Part) -> Vec<u8> {
    let mut bytes = Vec::new();
    part.compression
        .decoder(File::open(&part.path).unwrap())
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// What `gzip` makes of a blob.
fn gunzip(path: &Path) -> Vec<u8> {
    let run = Command::new("gzip")
        .arg("-dc")
        .stdin(File::open(path).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(run.status.success());
    run.stdout
}

#[test]
fn streams_are_taken_as_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let gzip = part(folder.path(), Compression::gzip(6).unwrap(), 2);
    // Another store: nothing is known of the tar there.
    let zstd = part(folder.path(), Compression::default(), 1);
    assert_eq!(
        (gzip.diff_id, gzip.diff_size),
        (zstd.diff_id, zstd.diff_size)
    );
    let expected = tar(&zstd);
    assert!(tar(&gzip) == expected);
    assert!(gunzip(&gzip.path) == expected);
    let blob = std::fs::read(&gzip.path).unwrap();
    for entry in entries().iter().filter(|entry| entry.method == 8) {
        // Smaller streams are compressed anew with what stands around them.
        if entry.packed.len() > 512 {
            let member = [
                &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff],
                entry.packed.as_slice(),
                &entry.crc.to_le_bytes(),
                &(entry.size as u32).to_le_bytes(),
            ]
            .concat();
            let stands = blob.windows(member.len()).any(|window| window == member);
            assert!(stands, "{}", entry.name);
        }
    }
    // The level is for what is not deflated yet, and threads are for speed.
    let harder = part(folder.path(), Compression::gzip(9).unwrap(), 2);
    assert_eq!(harder.diff_id, gzip.diff_id);
    assert_eq!(
        part(folder.path(), Compression::gzip(6).unwrap(), 3).digest,
        gzip.digest
    );
}

#[test]
fn a_tar_that_is_known_gives_the_same_blob() {
    let folder = tempfile::tempdir().unwrap();
    // One store: the second knows the tar of the first, in both orders.
    let zstd = part(folder.path(), Compression::default(), 1);
    let gzip = part(folder.path(), Compression::gzip(6).unwrap(), 1);
    let other_gzip = part(folder.path(), Compression::gzip(6).unwrap(), 2);
    let other_zstd = part(folder.path(), Compression::default(), 2);
    assert_eq!(gzip.digest, other_gzip.digest);
    assert_eq!(zstd.digest, other_zstd.digest);
    assert_eq!(gzip.diff_id, other_gzip.diff_id);
    assert_eq!(zstd.diff_id, gzip.diff_id);
    assert_eq!(zstd.tars, gzip.tars);
    let store = Store::open(folder.path().join("store-1")).unwrap();
    assert_eq!(
        layer::read_index(&store, &gzip).unwrap(),
        layer::read_index(&store, &zstd).unwrap()
    );
}
