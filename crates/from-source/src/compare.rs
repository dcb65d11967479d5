//! Where two wheels differ.

use std::{collections::BTreeMap, fmt::Write, fs::File, path::Path};

use zip_reader::ZipFile;

use crate::{Result, error::io};

/// No file is compared byte by byte beyond this.
const LARGEST: u64 = 1 << 30;
/// How many files are named.
const NAMED: usize = 8;

/// The CRC-32 of each file of a wheel, as 8 hexadecimal digits, by path.
pub(crate) fn files(path: &Path) -> Result<BTreeMap<String, String>> {
    let zip = ZipFile::open(path)?;
    let entries = zip.entries().iter().filter(|entry| !entry.is_dir);
    let one = |entry: &zip_reader::ZipEntry| {
        let crc = format!("{:08x}", entry.crc32);
        (entry.path.to_string(), crc)
    };
    Ok(entries.map(one).collect())
}

/// What a wheel has that the lock's has not, and the other way round, going by their files.
pub(crate) fn by_file(
    expected: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> String {
    let mut lines = Vec::new();
    for (path, crc) in expected {
        match found.get(path) {
            None => lines.push(format!("{path}: missing in the one built here")),
            Some(other) if other != crc => {
                lines.push(format!("{path}: CRC-32 {other}, expected {crc}"));
            }
            Some(_) => {}
        }
    }
    let more = found.keys().filter(|path| !expected.contains_key(*path));
    lines.extend(more.map(|path| format!("{path}: only in the one built here")));
    if lines.is_empty() {
        return "every file in it is the same: they differ in the zip's own records (order, times, modes, \
                compression)"
            .to_owned();
    }
    shortened(lines)
}

/// Where two wheels of one build differ, byte by byte; `None` if they do not.
pub(crate) fn by_byte(one: &Path, other: &Path) -> Result<Option<String>> {
    let hash = |path: &Path| {
        let hashed = File::open(path).and_then(|mut file| store::sha256(&mut file));
        hashed.map_err(io(path))
    };
    if hash(one)? == hash(other)? {
        return Ok(None);
    }
    let (first, second) = (ZipFile::open(one)?, ZipFile::open(other)?);
    let twins = second.entries().iter().enumerate();
    let mut twins: BTreeMap<String, usize> = twins
        .map(|(at, entry)| (entry.path.to_string(), at))
        .collect();
    let mut lines = Vec::new();
    for (index, entry) in first.entries().iter().enumerate() {
        let path = entry.path.to_string();
        let Some(twin) = twins.remove(&path) else {
            lines.push(format!("{path}: in one of two builds only"));
            continue;
        };
        if entry.is_dir || entry.crc32 == second.entries()[twin].crc32 {
            continue;
        }
        let (left, right) = (first.read(index, LARGEST)?, second.read(twin, LARGEST)?);
        let same = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
        lines.push(format!("{path}: from byte {same} on"));
    }
    let more = twins.keys();
    lines.extend(more.map(|path| format!("{path}: in one of two builds only")));
    if lines.is_empty() {
        lines.push("the zip's own records (order, times, modes, compression)".to_owned());
    }
    Ok(Some(shortened(lines)))
}

fn shortened(lines: Vec<String>) -> String {
    let more = lines.len().saturating_sub(NAMED);
    let mut text = lines
        .into_iter()
        .take(NAMED)
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n");
    if more > 0 {
        let _ = write!(text, "\n  and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(folder: &Path, name: &str, files: &[(&str, &str)]) -> std::path::PathBuf {
        let path = folder.join(name);
        let inside = folder.join(format!("{name}.d"));
        std::fs::create_dir_all(&inside).unwrap();
        for (file, text) in files {
            std::fs::write(inside.join(file), text).unwrap();
        }
        let program = "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])";
        let mut python = std::process::Command::new("python3");
        python.args(["-c", program]).arg(&path).arg(&inside);
        assert!(python.status().unwrap().success());
        path.with_extension("zip")
    }

    #[test]
    fn files_and_bytes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let one = wheel(
            folder.path(),
            "one",
            &[("a", "same"), ("b", "12345"), ("c", "")],
        );
        let other = wheel(
            folder.path(),
            "other",
            &[("a", "same"), ("b", "12x45"), ("d", "")],
        );
        let text = by_file(&files(&one).unwrap(), &files(&other).unwrap());
        assert!(text.contains("  b: CRC-32 "), "{text}");
        assert!(text.contains("c: missing in the one built here"), "{text}");
        assert!(text.contains("d: only in the one built here"), "{text}");
        let text = by_byte(&one, &other).unwrap().unwrap();
        assert!(text.contains("b: from byte 2 on"), "{text}");
        for path in ["c", "d"] {
            let said = format!("{path}: in one of two builds only");
            assert!(text.contains(&said), "{text}");
        }
        assert!(!text.contains("a:"), "{text}");
        assert_eq!(by_byte(&one, &one).unwrap(), None);
        let same = files(&one).unwrap();
        assert!(by_file(&same, &same).contains("the zip's own records"));
    }
}
