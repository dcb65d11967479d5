//! A tar as a stream of members (POSIX.1-2008 ustar and pax; GNU's long names and sparse files).
//!
//! Headers are walked here rather than by the `tar` crate's archive: that one takes an archive
//! that stops between two members for a whole one, reads long names of any length into memory and
//! does not know sparse files in PAX form.

use std::{io, path::Path};

use crate::{
    Error, Result,
    extended::{Extended, Pax, check_global, once},
    sparse::{Lines, MOST, Sparse},
    stream::{BUFFER, Stream},
};

const BLOCK: usize = 512;
/// Long names and PAX headers larger than this, in bytes, are no honest archive's.
const LARGEST_EXTENSION: u64 = 1 << 20;
const MOST_MEMBERS: u64 = 1 << 20;

/// One member.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name, as the archive has it.
    pub(crate) name: Vec<u8>,
    pub(crate) kind: MemberKind,
    /// Whether any execute bit is set.
    pub(crate) executable: bool,
    /// Size in bytes, with holes.
    pub(crate) size: u64,
    /// What is stored of it: offsets and lengths in bytes.
    stretches: Vec<(u64, u64)>,
}

#[derive(Debug)]
pub(crate) enum MemberKind {
    Dir,
    File,
    Symlink(Vec<u8>),
    Hardlink(Vec<u8>),
    /// What has no place in a layer, in words.
    Other(String),
}

/// The members of an open archive.
pub(crate) struct Members {
    stream: Stream,
    /// Bytes until the next header: what is stored of the member, and padding.
    left: u64,
    padding: u64,
    count: u64,
    buffer: Vec<u8>,
}

impl Members {
    /// Opens an archive; its compression is told by its first bytes.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            stream: Stream::open(path)?,
            left: 0,
            padding: 0,
            count: 0,
            buffer: vec![0; BUFFER],
        })
    }

    /// Fails where `size` bytes are more than all that may be unpacked.
    pub(crate) fn allow(&self, size: u64) -> Result<()> {
        self.stream.allow(size)
    }

    /// The next member; its data may be read until the one after it is asked for.
    pub(crate) fn next(&mut self) -> Result<Option<Member>> {
        self.skip()?;
        let mut extended = Extended::default();
        loop {
            let offset = self.stream.at();
            let mut block = [0; BLOCK];
            self.stream.exact(&mut block)?;
            if block.iter().all(|byte| *byte == 0) {
                if !extended.is_empty() {
                    return Err(self
                        .stream
                        .no_header(offset, "an entry should follow its long name"));
                }
                self.stream.end(&mut self.buffer)?;
                return Ok(None);
            }
            let header = tar::Header::from_byte_slice(&block);
            self.check_sum(header, offset)?;
            let size = header
                .entry_size()
                .map_err(|error| self.stream.no_header(offset, &error.to_string()))?;
            let flag = header.as_old().linkflag[0];
            if !matches!(flag, b'L' | b'K' | b'x' | b'g' | b'V') {
                return self.member(header, flag, size, extended).map(Some);
            }
            let bytes = self.extension(offset, size)?;
            let taken = match flag {
                b'L' => once(&mut extended.long_name, without_nul(bytes), "a long name"),
                b'K' => once(&mut extended.long_link, without_nul(bytes), "a long link"),
                b'x' => {
                    Pax::parse(&bytes).and_then(|pax| once(&mut extended.pax, pax, "a PAX header"))
                }
                b'g' if !extended.is_empty() => {
                    Err("a global PAX header stands between an entry and its long name".to_owned())
                }
                b'g' => check_global(&bytes),
                _ => Ok(()), // a volume's label
            };
            taken.map_err(|problem| self.stream.no_header(offset, &problem))?;
        }
    }

    /// Reads the member's data: `out` gets each piece with its offset in the file. What it does
    /// not get is holes.
    pub(crate) fn data(
        &mut self,
        member: &Member,
        out: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        for (offset, length) in &member.stretches {
            let mut done = 0;
            while done < *length {
                let want = (length - done).min(BUFFER as u64) as usize;
                self.stream.exact(&mut buffer[..want])?;
                self.left = self.left.saturating_sub(want as u64);
                out(offset + done, &buffer[..want])?;
                done += want as u64;
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    fn member(
        &mut self,
        header: &tar::Header,
        flag: u8,
        size: u64,
        extended: Extended,
    ) -> Result<Member> {
        let mut pax = extended.pax.unwrap_or_default();
        let one_of = |long: Option<Vec<u8>>, pax: Option<Vec<u8>>, plain: &[u8]| match (long, pax) {
            (Some(long), Some(pax)) if long != pax => Err(long),
            (Some(name), _) | (None, Some(name)) => Ok(name),
            (None, None) => Ok(plain.to_vec()),
        };
        let two = |long: Vec<u8>| {
            entry_error(
                &long,
                "GNU's long name and the PAX header name different paths",
            )
        };
        let name =
            one_of(extended.long_name, pax.path.take(), &header.path_bytes()).map_err(two)?;
        self.stream.shown = Some(String::from_utf8_lossy(&name).into_owned());
        self.count += 1;
        if self.count > MOST_MEMBERS {
            let problem = format!("more than {MOST_MEMBERS} entries are not read");
            return Err(entry_error(&name, &problem));
        }
        let link = header.link_name_bytes().unwrap_or_default();
        let link = one_of(extended.long_link, pax.link.take(), &link).map_err(two)?;
        let bad = |problem: String| entry_error(&name, &problem);
        let stored = pax.size.unwrap_or(size);
        self.stream.allow(stored)?;
        self.left = stored;
        self.padding = stored.next_multiple_of(BLOCK as u64) - stored;
        let pax_sparse = pax.sparse().map_err(bad)?;
        let mode = header.mode().map_err(|error| bad(error.to_string()))?;
        let kind = match flag {
            // Before POSIX a folder was told by the slash at the end of its name.
            0 | b'0' if name.ends_with(b"/") => MemberKind::Dir,
            0 | b'0' | b'7' | b'S' => MemberKind::File,
            b'1' => MemberKind::Hardlink(link),
            b'2' => MemberKind::Symlink(link),
            b'3' => MemberKind::Other("character device".to_owned()),
            b'4' => MemberKind::Other("block device".to_owned()),
            b'5' => MemberKind::Dir,
            b'6' => MemberKind::Other("fifo".to_owned()),
            other => MemberKind::Other(format!("member of type {:?}", char::from(other))),
        };
        let is_file = matches!(kind, MemberKind::File);
        if stored > 0 && !is_file && !matches!(kind, MemberKind::Other(_)) {
            // Readers disagree on whether data follow.
            return Err(bad(format!("a folder or link with {stored} bytes of data")));
        }
        let mut member = Member {
            name: name.clone(),
            kind,
            executable: mode & 0o111 != 0,
            size: stored,
            stretches: vec![(0, stored)],
        };
        let sparse = match (flag, pax_sparse) {
            (b'S', None) => Some(self.old_sparse(header).map_err(|problem| match problem {
                Sentence::Text(text) => bad(text),
                Sentence::Error(error) => error,
            })?),
            (0 | b'0' | b'7', Some(found)) if is_file => {
                let mut sparse = found.sparse;
                if found.map_in_data {
                    sparse.stretches = self.map_in_data(&name)?;
                }
                if let Some(name) = found.name {
                    self.stream.shown = Some(String::from_utf8_lossy(&name).into_owned());
                    member.name = name;
                }
                Some(sparse)
            }
            (_, None) => None,
            (_, Some(_)) => return Err(bad("only a plain file can be sparse".to_owned())),
        };
        if let Some(sparse) = sparse {
            sparse.check(self.left).map_err(bad)?;
            self.stream.allow(sparse.size)?;
            member.size = sparse.size;
            member.stretches = sparse.stretches;
        }
        Ok(member)
    }

    /// The map of a sparse file in GNU's old form; blocks of it may follow the header.
    fn old_sparse(&mut self, header: &tar::Header) -> Result<Sparse, Sentence> {
        let text = |error: io::Error| Sentence::Text(error.to_string());
        let gnu = header.as_gnu().ok_or_else(|| {
            Sentence::Text("it is sparse, but its header is not GNU's".to_owned())
        })?;
        let mut sparse = Sparse {
            size: gnu.real_size().map_err(text)?,
            stretches: Vec::new(),
        };
        let mut add = |stretches: &[tar::GnuSparseHeader]| {
            for stretch in stretches.iter().filter(|stretch| !stretch.is_empty()) {
                let stretch = (
                    stretch.offset().map_err(text)?,
                    stretch.length().map_err(text)?,
                );
                sparse.stretches.push(stretch);
            }
            match sparse.stretches.len() > MOST {
                true => Err(Sentence::Text("its map of holes is too long".to_owned())),
                false => Ok(()),
            }
        };
        add(&gnu.sparse)?;
        let mut more = gnu.is_extended();
        while more {
            let mut block = tar::GnuExtSparseHeader::new();
            self.stream
                .exact(block.as_mut_bytes())
                .map_err(Sentence::Error)?;
            add(&block.sparse)?;
            more = block.is_extended();
        }
        Ok(sparse)
    }

    /// The map of a sparse file in PAX form 1.0, which takes whole blocks of the stored bytes.
    fn map_in_data(&mut self, name: &[u8]) -> Result<Vec<(u64, u64)>> {
        let mut lines = Lines::default();
        while self.left >= BLOCK as u64 {
            let mut block = [0; BLOCK];
            self.stream.exact(&mut block)?;
            self.left -= BLOCK as u64;
            match lines.block(&block) {
                Some(true) => return Ok(lines.stretches()),
                Some(false) => {}
                None => return Err(entry_error(name, "its map of holes is malformed")),
            }
        }
        Err(entry_error(name, "its map of holes does not end"))
    }

    /// The data of a header that is about the next entry.
    fn extension(&mut self, offset: u64, size: u64) -> Result<Vec<u8>> {
        if size > LARGEST_EXTENSION {
            let problem = format!("{size} bytes of names, at most {LARGEST_EXTENSION} expected");
            return Err(self.stream.no_header(offset, &problem));
        }
        let mut bytes = vec![0; size as usize];
        self.stream.exact(&mut bytes)?;
        self.left = 0;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
        self.skip()?;
        Ok(bytes)
    }

    fn check_sum(&self, header: &tar::Header, offset: u64) -> Result<()> {
        let bytes = header.as_bytes();
        // The sum's own eight bytes count as spaces.
        let others = bytes[..148].iter().chain(&bytes[156..]);
        let sum = others.map(|byte| u32::from(*byte)).sum::<u32>() + 8 * u32::from(b' ');
        match header.cksum() {
            Ok(stands) if stands == sum => Ok(()),
            _ if offset == 0 => Err(Error::NotTar {
                found: "something else".to_owned(),
            }),
            _ => Err(self.stream.no_header(offset, "its checksum is wrong")),
        }
    }

    fn skip(&mut self) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        while self.left + self.padding > 0 {
            let want = (self.left + self.padding).min(BUFFER as u64) as usize;
            self.stream.exact(&mut buffer[..want])?;
            let data = self.left.min(want as u64);
            self.left -= data;
            self.padding -= want as u64 - data;
        }
        self.buffer = buffer;
        Ok(())
    }
}

/// What went wrong in a step that cannot name the entry itself.
enum Sentence {
    Text(String),
    Error(Error),
}

fn entry_error(name: &[u8], problem: &str) -> Error {
    Error::Entry {
        entry: String::from_utf8_lossy(name).into_owned(),
        problem: problem.to_owned(),
    }
}

/// A long name without the NUL that ends it.
fn without_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}
