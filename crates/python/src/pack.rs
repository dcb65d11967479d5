//! The bytecode of one wheel as one file of the store: the bytes, then a table of contents.

use std::{
    collections::BTreeMap,
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use layer::{Content, EntryPath, FileContent};

use crate::{Error, Result, worker::Compiled};

/// The `.pyc` files of a pack, with contents that read from it.
pub(crate) type Pack = Vec<(EntryPath, Arc<dyn Content>)>;

/// A pack that is being written: the bytes as they come, then the table as JSON, then 8 bytes with the
/// table's length (little-endian). So no more than one module is in memory.
#[derive(Debug)]
pub(crate) struct PackWriter<W> {
    out: W,
    /// By a number that the caller gives: path, offset and size.
    table: BTreeMap<usize, (Vec<u8>, u64, u64)>,
    offset: u64,
}

impl<W: Write> PackWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            table: BTreeMap::new(),
            offset: 0,
        }
    }

    /// Adds a module, which stands in the table by its number.
    pub(crate) fn add(&mut self, number: usize, (path, bytes): &Compiled) -> std::io::Result<()> {
        self.out.write_all(bytes)?;
        let size = bytes.len() as u64;
        let line = (path.as_bytes().to_vec(), self.offset, size);
        self.table.insert(number, line);
        self.offset += size;
        Ok(())
    }

    /// Writes the table.
    pub(crate) fn finish(mut self) -> std::io::Result<W> {
        let table: Vec<_> = self.table.into_values().collect();
        let table = serde_json::to_vec(&table)?;
        self.out.write_all(&table)?;
        self.out.write_all(&(table.len() as u64).to_le_bytes())?;
        Ok(self.out)
    }
}

/// Reads a pack's table.
pub(crate) fn read(path: &Path) -> Result<Pack> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let bad = |problem: &str| Error::Pack {
        path: path.to_owned(),
        problem: problem.to_owned(),
    };
    let file = std::fs::File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut tail = [0; 8];
    let end = length
        .checked_sub(8)
        .ok_or_else(|| bad("it is cut short"))?;
    file.read_exact_at(&mut tail, end).map_err(io)?;
    let size = u64::from_le_bytes(tail);
    let begin = end
        .checked_sub(size)
        .ok_or_else(|| bad("its table is longer than the file"))?;
    let mut table = vec![0; size as usize];
    file.read_exact_at(&mut table, begin).map_err(io)?;
    let table: Vec<(Vec<u8>, u64, u64)> =
        serde_json::from_slice(&table).map_err(|error| bad(&error.to_string()))?;
    let shared: Arc<PathBuf> = Arc::new(path.to_owned());
    let mut pack: Pack = Vec::with_capacity(table.len());
    for (name, offset, size) in table {
        let name = EntryPath::new(name).map_err(|error| bad(&error.to_string()))?;
        if offset.checked_add(size).is_none_or(|past| past > begin) {
            return Err(bad("a module lies outside of it"));
        }
        let content = FileContent::stretch(shared.clone(), offset, size);
        pack.push((name, Arc::new(content)));
    }
    Ok(pack)
}
