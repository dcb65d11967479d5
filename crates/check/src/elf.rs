//! An ELF file's facts: what it needs, where it looks for that, and what it brings for GPUs. Only the
//! tables are read, so a file of any size does.

use std::io;

use object::{
    Endianness, ReadRef,
    elf::{
        DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, EM_X86_64,
        FileHeader64, PT_DYNAMIC, PT_LOAD,
    },
    read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _, SectionHeader as _},
};
use serde::{Deserialize, Serialize};

use crate::fatbin::{DeviceCode, ReadAt, Stretch, modules};

/// The sections that hold fat binaries and nothing else.
const DEVICE: [&[u8]; 3] = [b".nv_fatbin", b"__nv_relfatbin", b".nv_module"];
/// Those that hold fat binaries among other things, in files that have one of the former.
const DATA: [&[u8]; 4] = [b".ldata", b".lrodata", b".data", b".rodata"];

/// What an ELF file says of itself. Names that are no UTF-8 are passed on with what is wrong replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Elf {
    /// It is no 64-bit file for x86-64: nothing else of it is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// `PT_INTERP`: the loader of a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// `DT_NEEDED`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
    /// `DT_SONAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soname: Option<String>,
    /// `DT_RPATH`, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpath: Option<String>,
    /// `DT_RUNPATH`, as written; it makes the loader pass over `DT_RPATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runpath: Option<String>,
    /// Code for GPUs.
    #[serde(default, skip_serializing_if = "DeviceCode::is_empty")]
    pub device: DeviceCode,
}

/// Reads an ELF file's facts. `read` reads the same bytes as `data`, without keeping them.
///
/// # Errors
/// Tables that are not where the file says.
pub(crate) fn read<'data, R: ReadRef<'data>>(data: R, at: ReadAt<'_>) -> io::Result<Elf> {
    let ident = data
        .read_bytes_at(0, 20)
        .map_err(|()| invalid("the file ends in its header"))?;
    // Class, byte order, and e_machine.
    if ident[4] != 2 || ident[5] != 1 || u16::from_le_bytes([ident[18], ident[19]]) != EM_X86_64.0 {
        return Ok(Elf {
            foreign: true,
            ..Elf::default()
        });
    }
    let header = FileHeader64::<Endianness>::parse(data).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let mut elf = Elf::default();
    let segments = header.program_headers(endian, data).map_err(broken)?;
    let mut dynamic: &[object::elf::Dyn64<Endianness>] = &[];
    for segment in segments {
        if let Some(path) = segment.interpreter(endian, data).map_err(broken)? {
            elf.interpreter = Some(text(path));
        }
        if segment.p_type(endian) == PT_DYNAMIC
            && let Some(table) = segment.dynamic(endian, data).map_err(broken)?
        {
            dynamic = table;
        }
    }
    let entries: Vec<_> = dynamic
        .iter()
        .map(|entry| (entry.d_tag(endian), entry.d_val(endian)))
        .take_while(|(tag, _)| *tag != DT_NULL)
        .collect();
    let value = |wanted| {
        entries
            .iter()
            .find(|(tag, _)| *tag == wanted)
            .map(|(_, v)| *v)
    };
    // The table's address is one in memory; a segment says where that is in the file.
    let strings = value(DT_STRTAB).and_then(|address| {
        segments.iter().find_map(|segment| {
            let (start, size) = (segment.p_vaddr(endian), segment.p_filesz(endian));
            let within = address.checked_sub(start).filter(|within| *within < size)?;
            (segment.p_type(endian) == PT_LOAD).then(|| segment.p_offset(endian) + within)
        })
    });
    let length = value(DT_STRSZ).unwrap_or(0);
    let string = |offset: u64| -> io::Result<String> {
        let start = strings.ok_or_else(|| invalid("its dynamic strings are nowhere"))?;
        let range = start.saturating_add(offset)..start.saturating_add(length);
        let found = data.read_bytes_at_until(range, 0);
        found
            .map(text)
            .map_err(|()| invalid("a dynamic string has no end"))
    };
    for (tag, value) in &entries {
        match *tag {
            DT_NEEDED => elf.needed.push(string(*value)?),
            DT_SONAME => elf.soname = Some(string(*value)?),
            DT_RPATH => elf.rpath = Some(string(*value)?),
            DT_RUNPATH => elf.runpath = Some(string(*value)?),
            _ => {}
        }
    }
    // A program without a table of sections runs as well.
    if let Ok(sections) = header.sections(endian, data) {
        let mut device = |names: &[&[u8]], stretch| -> io::Result<bool> {
            let mut any = false;
            for section in sections.iter() {
                let name = sections.section_name(endian, section).unwrap_or_default();
                if names.contains(&name)
                    && let Some(range) = section.file_range(endian)
                {
                    any = true;
                    modules(at, range, stretch, &mut elf.device)?;
                }
            }
            Ok(any)
        };
        if device(&DEVICE, Stretch::Modules)? {
            device(&DATA, Stretch::Data)?;
        }
    }
    Ok(elf)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn broken(error: object::read::Error) -> io::Error {
    invalid(&error.to_string())
}
