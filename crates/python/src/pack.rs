//! The bytecode of one wheel as one file of the store: a table of contents, then the bytes.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use layer::{Content, EntryPath, FileContent};

use crate::{Error, Result, worker::Compiled};

/// The `.pyc` files of a pack, with contents that read from it.
pub(crate) type Pack = Vec<(EntryPath, Arc<dyn Content>)>;

/// Writes a pack: 8 bytes with the table's length (little-endian), the table as JSON, the bytes.
pub(crate) fn write(out: &mut dyn Write, compiled: &[Compiled]) -> std::io::Result<()> {
    let table: Vec<_> = compiled
        .iter()
        .map(|(path, bytes)| (path.as_bytes(), bytes.len()))
        .collect();
    let table = serde_json::to_vec(&table)?;
    out.write_all(&(table.len() as u64).to_le_bytes())?;
    out.write_all(&table)?;
    compiled
        .iter()
        .try_for_each(|(_, bytes)| out.write_all(bytes))
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
    let mut file = std::fs::File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut head = [0; 8];
    file.read_exact(&mut head).map_err(io)?;
    let size = u64::from_le_bytes(head);
    if size > length {
        return Err(bad("its table is longer than the file"));
    }
    let mut table = vec![0; size as usize];
    file.read_exact(&mut table).map_err(io)?;
    let table: Vec<(Vec<u8>, u64)> =
        serde_json::from_slice(&table).map_err(|error| bad(&error.to_string()))?;
    let shared: Arc<PathBuf> = Arc::new(path.to_owned());
    let mut offset = 8 + size;
    let mut pack: Pack = Vec::with_capacity(table.len());
    for (name, size) in table {
        let name = EntryPath::new(name).map_err(|error| bad(&error.to_string()))?;
        pack.push((
            name,
            Arc::new(FileContent::stretch(shared.clone(), offset, size)),
        ));
        offset += size;
    }
    if offset == length {
        Ok(pack)
    } else {
        Err(bad("its length is not what its table says"))
    }
}
