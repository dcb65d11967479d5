//! NVIDIA's fat binaries: which GPU architectures a program or library brings code for.
//!
//! What is known of the form (it is not published; this is what the toolkit's own libraries have, all
//! numbers little-endian):
//!
//! ```text
//! module  = 0xBA55ED50 u32, version u16, size of this header u16, size of the entries u64; entries
//! entry   = kind u16 (1 PTX, 2 cubin, 8 LTO's), version u16, size of this header u32, size of the payload
//!           u64, 12 bytes, architecture u32 (at 28), 8 bytes, flags u64 (at 40) …; payload
//! flags   = bit 15: the payload is compressed; bit 20: for this architecture alone (sm_90a); bit 21: for
//!           its family (sm_120f)
//! ```
//!
//! Modules stand one after another in a section, each at a multiple of 8 bytes of the file, with zeros between; in
//! cuFFT also between other data. Headers alone are read: the code may be several hundred MB.

use std::{collections::BTreeMap, fmt, io};

use serde::{Deserialize, Serialize};

const MAGIC: u32 = 0xBA55_ED50;
const MODULE_HEADER: u64 = 16;
/// As much of an entry's header as is looked at.
const ENTRY_HEADER: usize = 48;
const COMPRESSED: u64 = 1 << 15;
const ONE_ARCHITECTURE: u64 = 1 << 20;
const FAMILY: u64 = 1 << 21;
/// How much is read at once where a module should begin and does not.
const BLOCK: usize = 64 << 10;
/// A cubin without any kernel is smaller than this, in bytes.
const EMPTY: u64 = 16 << 10;
/// How the section of a kernel is called in a cubin: this, and the kernel's name.
const KERNEL: &[u8] = b".text.";

/// What kind of code an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Machine code of one architecture.
    Cubin,
    /// PTX, which the driver compiles for the architecture at hand.
    Ptx,
    /// Code for link-time optimisation, which the library links for the architecture at hand.
    Lto,
}

/// Which GPUs beside those of exactly this number can use the code.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// cubin: later ones of the same generation; PTX: all later ones.
    #[default]
    Forward,
    /// Those of its family (`f`).
    Family,
    /// None (`a`).
    Exact,
}

/// Code for one architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Code {
    /// cubin or PTX.
    pub form: Form,
    /// The number in `sm_120` or `compute_120`.
    pub architecture: u32,
    /// Who else can use it.
    #[serde(default)]
    pub reach: Reach,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.form {
            Form::Cubin => "sm",
            Form::Ptx => "compute",
            Form::Lto => "lto",
        };
        let letter = match self.reach {
            Reach::Forward => "",
            Reach::Family => "f",
            Reach::Exact => "a",
        };
        write!(f, "{word}_{}{letter}", self.architecture)
    }
}

impl Code {
    /// Whether a GPU of architecture `wanted` can run it. cubins hold within a generation (the number
    /// without its last digit) and upwards in it, PTX upwards without end.
    pub fn runs_on(&self, wanted: u32) -> bool {
        let generation = self.architecture / 10 == wanted / 10;
        match (self.reach, self.form) {
            (Reach::Exact, _) => self.architecture == wanted,
            (Reach::Family, _) | (Reach::Forward, Form::Cubin) => {
                generation && self.architecture <= wanted
            }
            (Reach::Forward, Form::Ptx | Form::Lto) => self.architecture <= wanted,
        }
    }
}

/// A file's device code: sets of code, each with the number of modules that have just that set.
pub type DeviceCode = BTreeMap<String, (Vec<Code>, u32)>;

/// Reads bytes at an offset of the file, as many as the buffer holds.
pub type ReadAt<'r> = &'r dyn Fn(u64, &mut [u8]) -> io::Result<()>;

/// What stands in a stretch of a file beside modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// Nothing: what looks like a module and is none is damaged.
    Modules,
    /// Data of all kinds: what looks like a module and is none is passed over.
    Data,
}

/// Adds the modules in a stretch of a file to `found`.
///
/// # Errors
/// Bytes that cannot be read; among modules alone, one that says it is larger than the stretch.
pub fn modules(
    read: ReadAt<'_>,
    (offset, size): (u64, u64),
    stretch: Stretch,
    found: &mut DeviceCode,
) -> io::Result<()> {
    let end = offset
        .checked_add(size)
        .ok_or_else(|| invalid("a section that ends beyond the file".to_owned()))?;
    // Sections need not begin at such a place; modules do.
    let mut at = offset.next_multiple_of(8);
    while let Some(start) = next_module(read, at, end)? {
        match module(read, start, end) {
            Ok((code, stop)) => {
                // One whose kernels were all left out serves nobody.
                if !code.is_empty() {
                    let name = code.iter().map(ToString::to_string).collect::<Vec<_>>();
                    found.entry(name.join(" ")).or_insert((code, 0)).1 += 1;
                }
                at = stop.next_multiple_of(8);
            }
            Err(error)
                if stretch == Stretch::Data && error.kind() == io::ErrorKind::InvalidData =>
            {
                at = start + 8;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The code of the module at `start`, and where it ends.
fn module(read: ReadAt<'_>, start: u64, end: u64) -> io::Result<(Vec<Code>, u64)> {
    let mut header = [0; MODULE_HEADER as usize];
    read(start, &mut header)?;
    let entries = start + u64::from(u16_at(&header, 6)).max(MODULE_HEADER);
    let stop = entries.checked_add(u64_at(&header, 8));
    let stop = stop.filter(|stop| *stop <= end).ok_or_else(|| {
        let message = format!("the fat binary at {start} is larger than its section");
        invalid(message)
    })?;
    Ok((entries_of(read, entries, stop)?, stop))
}

/// Where the next module begins.
fn next_module(read: ReadAt<'_>, mut at: u64, end: u64) -> io::Result<Option<u64>> {
    // Mostly right here: a whole block is not worth reading for that.
    let mut length = 64;
    let mut block = vec![0; BLOCK];
    while at + MODULE_HEADER <= end {
        let here = length.min((end - at) as usize) / 8 * 8;
        if here < 8 {
            break;
        }
        read(at, &mut block[..here])?;
        let place = (0..here)
            .step_by(8)
            .find(|place| u32_at(&block, *place) == MAGIC);
        if let Some(place) = place {
            let start = at + place as u64;
            return Ok((start + MODULE_HEADER <= end).then_some(start));
        }
        at += here as u64;
        length = BLOCK;
    }
    Ok(None)
}

/// The code of one module, sorted, each once. Entries of other kinds, and
/// cubins without kernels (nvcc makes them where a program has none), are passed over.
fn entries_of(read: ReadAt<'_>, mut at: u64, stop: u64) -> io::Result<Vec<Code>> {
    let mut code = Vec::new();
    while at + ENTRY_HEADER as u64 <= stop {
        let mut entry = [0; ENTRY_HEADER];
        read(at, &mut entry)?;
        let form = match u16_at(&entry, 0) {
            1 => Some(Form::Ptx),
            2 => Some(Form::Cubin),
            8 => Some(Form::Lto),
            _ => None,
        };
        let flags = u64_at(&entry, 40);
        let (header, payload) = (u64::from(u32_at(&entry, 4)), u64_at(&entry, 8));
        let small = flags & COMPRESSED == 0 && payload < EMPTY && at + header + payload <= stop;
        let empty = form == Some(Form::Cubin) && small && {
            let mut cubin = vec![0; payload as usize];
            read(at + header, &mut cubin)?;
            cubin.starts_with(b"\x7fELF") && !cubin.windows(KERNEL.len()).any(|part| part == KERNEL)
        };
        if let Some(form) = form.filter(|_| !empty) {
            code.push(Code {
                form,
                architecture: u32_at(&entry, 28),
                reach: match flags {
                    _ if flags & ONE_ARCHITECTURE != 0 => Reach::Exact,
                    _ if flags & FAMILY != 0 => Reach::Family,
                    _ => Reach::Forward,
                },
            });
        }
        let length = header.saturating_add(payload);
        let next = at
            .checked_add(length)
            .filter(|next| *next > at && *next <= stop);
        match next {
            Some(next) => at = next,
            None => {
                return Err(invalid(format!(
                    "the entry at {at} of a fat binary has no end"
                )));
            }
        }
    }
    code.sort_unstable();
    code.dedup();
    Ok(code)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn bytes<const N: usize>(from: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(found) = from.get(at..at + N) {
        out.copy_from_slice(found);
    }
    out
}

fn u16_at(from: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes(from, at))
}

fn u32_at(from: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes(from, at))
}

fn u64_at(from: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes(from, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry with a header of 64 bytes and some payload.
    fn entry(kind: u16, architecture: u32, flags: u64, payload: usize) -> Vec<u8> {
        let mut out = vec![0; 64];
        out[..2].copy_from_slice(&kind.to_le_bytes());
        out[2..4].copy_from_slice(&257_u16.to_le_bytes());
        out[4..8].copy_from_slice(&64_u32.to_le_bytes());
        out[8..16].copy_from_slice(&(payload as u64).to_le_bytes());
        out[28..32].copy_from_slice(&architecture.to_le_bytes());
        out[40..48].copy_from_slice(&flags.to_le_bytes());
        out.extend(std::iter::repeat_n(0xee, payload));
        out
    }

    fn module(entries: &[Vec<u8>]) -> Vec<u8> {
        let entries = entries.concat();
        let mut out = MAGIC.to_le_bytes().to_vec();
        out.extend(1_u16.to_le_bytes());
        out.extend(16_u16.to_le_bytes());
        out.extend((entries.len() as u64).to_le_bytes());
        out.extend(entries);
        out
    }

    fn read(bytes: &[u8], offset: u64, size: u64) -> io::Result<Vec<(String, u32)>> {
        read_in(Stretch::Modules, bytes, offset, size)
    }

    fn read_in(
        stretch: Stretch,
        bytes: &[u8],
        offset: u64,
        size: u64,
    ) -> io::Result<Vec<(String, u32)>> {
        let mut found = DeviceCode::new();
        let at = |offset: u64, out: &mut [u8]| {
            let start = offset as usize;
            let found = bytes.get(start..start + out.len());
            out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        };
        modules(&at, (offset, size), stretch, &mut found)?;
        Ok(found
            .into_iter()
            .map(|(name, (_, count))| (name, count))
            .collect())
    }

    #[test]
    fn modules_with_gaps_between_them() {
        let one = module(&[
            entry(2, 90, 0x10_8011, 40),
            entry(2, 75, 0x8011, 8),
            entry(1, 120, 0x8011, 24),
            entry(16, 120, 0, 8),
        ]);
        let two = module(&[entry(2, 120, 0x120_8011, 8)]);
        let mut bytes = vec![0xaa; 24];
        bytes.extend(&one);
        // A long stretch of nothing, and a magic number that is not where one can begin.
        bytes.extend(vec![0; 200_000]);
        bytes.extend([0; 4].iter().chain(&MAGIC.to_le_bytes()));
        bytes.extend(&two);
        bytes.extend(&one);
        bytes.extend([0; 20]);
        let found = read(&bytes, 20, bytes.len() as u64 - 20).unwrap();
        assert_eq!(
            found,
            [
                ("sm_75 sm_90a compute_120".to_owned(), 2),
                ("sm_120f".to_owned(), 1)
            ]
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_cut_short_is_an_error_and_what_is_none_is_nothing() {
        let whole = module(&[entry(2, 80, 0, 64)]);
        let length = whole.len() as u64;
        assert_eq!(read(&whole, 0, length).unwrap(), [("sm_80".to_owned(), 1)]);
        assert!(read(&whole, 0, length - 8).is_err());
        let mut endless = whole.clone();
        endless[16 + 8..16 + 16].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(read(&endless, 0, length).is_err());
        let mut standing = whole;
        standing[16 + 4..16 + 16].fill(0);
        assert!(read(&standing, 0, length).is_err(), "an entry of no length");
        assert_eq!(read(&[0; 300], 0, 300).unwrap(), []);
        assert_eq!(read(&[], 0, 0).unwrap(), []);
    }

    #[test]
    fn between_other_data_and_without_kernels() {
        let whole = module(&[entry(8, 75, 0x8011, 8)]);
        // A module that says it is longer than all, then a true one.
        let mut bytes = whole.clone();
        bytes[8..16].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        bytes.extend(&whole);
        let length = bytes.len() as u64;
        let found = read_in(Stretch::Data, &bytes, 0, length).unwrap();
        assert_eq!(found, [("lto_75".to_owned(), 1)]);
        assert!(read(&bytes, 0, length).is_err());

        let cubin = |sections: &[u8]| {
            let payload = [b"\x7fELF", sections].concat();
            let mut out = entry(2, 75, 0x11, payload.len().next_multiple_of(8));
            out[64..64 + payload.len()].copy_from_slice(&payload);
            out
        };
        let (none, some) = (cubin(b".symtab\0.info\0"), cubin(b"\0.text.kernel\0"));
        let both = module(std::slice::from_ref(&none))
            .into_iter()
            .chain(module(&[none, some]));
        let both: Vec<u8> = both.collect();
        let found = read(&both, 0, both.len() as u64).unwrap();
        assert_eq!(found, [("sm_75".to_owned(), 1)]);
    }

    #[test]
    fn who_runs_what() {
        let code = |form, architecture, reach| Code {
            form,
            architecture,
            reach,
        };
        use {Form::*, Reach::*};
        assert!(code(Cubin, 120, Forward).runs_on(120));
        assert!(code(Cubin, 80, Forward).runs_on(86));
        assert!(!code(Cubin, 86, Forward).runs_on(80));
        assert!(!code(Cubin, 90, Forward).runs_on(120), "another generation");
        assert!(code(Ptx, 75, Forward).runs_on(120));
        assert!(!code(Ptx, 121, Forward).runs_on(120));
        assert!(!code(Ptx, 90, Exact).runs_on(120));
        assert!(code(Cubin, 100, Family).runs_on(103));
        assert!(!code(Cubin, 100, Exact).runs_on(103));
        assert_eq!(code(Ptx, 100, Family).to_string(), "compute_100f");
    }
}
