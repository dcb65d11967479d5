//! `.git/index`, version 2 (gitformat-index(5)), as `read-tree` leaves it: without what `stat` would say, so
//! that git looks at the files themselves when it first wants to know.

use layer::EntryPath;
use lock::ObjectId;
use sha1_checked::{Digest, Sha1};

use crate::walk::{Kind, Leaf};

/// Ten numbers of `stat`; the mode is the seventh.
const STAT: usize = 10 * 4;
const MODE: usize = 6 * 4;

pub(super) fn index(leaves: &[&Leaf], gitlinks: &[(EntryPath, ObjectId)]) -> Vec<u8> {
    let mode = |kind: Kind| match kind {
        Kind::File { executable: true } => 0o100_755,
        Kind::Symlink => 0o120_000,
        _ => 0o100_644,
    };
    let files = leaves
        .iter()
        .map(|leaf| (leaf.path.as_bytes(), mode(leaf.kind), leaf.object));
    let links = gitlinks
        .iter()
        .map(|(path, commit)| (path.as_bytes(), 0o160_000_u32, *commit));
    let mut entries: Vec<_> = files.chain(links).collect();
    entries.sort();
    let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    let mut out = [&b"DIRC"[..], &2_u32.to_be_bytes(), &count.to_be_bytes()].concat();
    for (path, mode, object) in entries {
        let start = out.len();
        out.resize(start + STAT, 0);
        out[start + MODE..start + MODE + 4].copy_from_slice(&mode.to_be_bytes());
        out.extend(object.0);
        // The flags: the path's length, as far as twelve bits hold it.
        let length = u16::try_from(path.len()).unwrap_or(u16::MAX).min(0xfff);
        out.extend(length.to_be_bytes());
        out.extend(path);
        // One to eight NULs, to a multiple of eight.
        let long = out.len() - start;
        out.resize(start + (long / 8 + 1) * 8, 0);
    }
    let sum = Sha1::digest(&out);
    out.extend(sum);
    out
}
