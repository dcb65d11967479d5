//! What a root folder holds as seen from inside, with the owners that programs gave, and taking it
//! back for the calling user. From outside, owners are those of the mapped ids, and some files
//! unreadable.

use std::io::{self, BufRead, BufReader};

use crate::error::{Error, Result};
use crate::root::Sandbox;

/// What `find` prints for each file, in this order.
const FIELDS: [(&str, &str); 9] = [
    ("kind", "%y"),
    ("mode", "%m"),
    ("uid", "%U"),
    ("gid", "%G"),
    ("inode", "%i"),
    ("nlink", "%n"),
    ("size", "%s"),
    ("path", "%P"),
    ("target", "%l"),
];

/// A file, folder or other thing in the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its path from the root, without a leading slash.
    pub path: Vec<u8>,
    /// `f` file, `d` folder, `l` symbolic link, `p` fifo, `s` socket, `c` and `b` devices.
    pub kind: char,
    /// Permission bits, set-user-id and its like included.
    pub mode: u32,
    /// Its owner, as inside.
    pub uid: u32,
    /// Its group, as inside.
    pub gid: u32,
    /// Its inode: equal for hard links of one file.
    pub inode: u64,
    /// How many hard links it has.
    pub nlink: u64,
    /// Its size, in bytes.
    pub size: u64,
    /// Where a symbolic link leads; empty for others.
    pub target: Vec<u8>,
}

/// Lists all that is in the root, sorted by path as bytes, by the image's own `/usr/bin/find`.
/// Nothing is mounted meanwhile (see [`Sandbox::bare`]): `/tmp` and its like appear with their own
/// modes and their own content. The root itself is not listed.
///
/// # Errors
/// Where `find` is absent, fails or writes something else than it was told.
pub fn list(sandbox: &Sandbox) -> Result<Vec<Listed>> {
    let format: String = FIELDS.iter().flat_map(|(_, code)| [*code, "\\0"]).collect();
    let sandbox = sandbox.clone().bare(true).writable(false);
    let args = ["/", "-xdev", "-mindepth", "1", "-printf", &format];
    let mut listed = sandbox.run_streaming("/usr/bin/find", args, b"", |reader| {
        parse(BufReader::new(reader))
    })??;
    listed.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(listed)
}

/// Gives all of the root to user and group 0 inside, which is the calling user outside, and lets
/// that user read, write and enter all. To be called after [`list`], which is where owners and
/// modes are known from; the image's own `chown` and `chmod` do it.
///
/// # Errors
/// Where these are absent or fail.
pub fn flatten(sandbox: &Sandbox) -> Result<()> {
    let sandbox = sandbox.clone().bare(true).writable(true);
    sandbox.run("chown", ["-hR", "0:0", "/"], b"")?;
    sandbox.run("chmod", ["-R", "u+rwX", "/"], b"")?;
    Ok(())
}

/// Reads records to the end. Failing to read and reading nonsense are told apart.
fn parse(mut reader: impl BufRead) -> io::Result<Result<Vec<Listed>>> {
    let mut all = Vec::new();
    let mut fields: [Vec<u8>; FIELDS.len()] = Default::default();
    loop {
        let mut read = 0;
        for field in &mut fields {
            field.clear();
            reader.read_until(0, field)?;
            if field.pop_if(|byte| *byte == 0).is_some() {
                read += 1;
            } else if read > 0 || !field.is_empty() {
                let error = malformed(&all.len().to_string(), FIELDS[read].0, field);
                return Ok(Err(error));
            } else {
                return Ok(Ok(all));
            }
        }
        match record(&fields) {
            Ok(listed) => all.push(listed),
            Err(error) => return Ok(Err(error)),
        }
    }
}

fn record(fields: &[Vec<u8>; FIELDS.len()]) -> Result<Listed> {
    let [kind, mode, uid, gid, inode, nlink, size, path, target] = fields;
    let name = String::from_utf8_lossy(path);
    let number = |field, bytes: &[u8], radix| {
        // `from_str_radix` takes a plus sign, which `find` never writes.
        let digits = bytes.first().is_some_and(u8::is_ascii_digit);
        std::str::from_utf8(bytes)
            .ok()
            .filter(|_| digits)
            .and_then(|text| u64::from_str_radix(text, radix).ok())
            .ok_or_else(|| malformed(&name, field, bytes))
    };
    let small = |field, bytes: &[u8], radix| {
        number(field, bytes, radix)?
            .try_into()
            .map_err(|_| malformed(&name, field, bytes))
    };
    let kind = match kind.as_slice() {
        &[kind @ (b'f' | b'd' | b'l' | b'p' | b's' | b'c' | b'b')] => char::from(kind),
        other => return Err(malformed(&name, "kind", other)),
    };
    if path.is_empty() || path.starts_with(b"/") {
        return Err(malformed(&name, "path", path));
    }
    Ok(Listed {
        path: path.clone(),
        kind,
        mode: small("mode", mode, 8)?,
        uid: small("uid", uid, 10)?,
        gid: small("gid", gid, 10)?,
        inode: number("inode", inode, 10)?,
        nlink: number("nlink", nlink, 10)?,
        size: number("size", size, 10)?,
        target: target.clone(),
    })
}

fn malformed(path: &str, field: &'static str, found: &[u8]) -> Error {
    let found = String::from_utf8_lossy(found).into_owned();
    Error::Listing {
        path: path.to_owned(),
        field,
        found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8]) -> Result<Vec<Listed>> {
        parse(bytes).unwrap()
    }

    #[test]
    fn reads_what_find_writes() {
        let text = b"f\x004755\x000\x0042\x0012345678901\x002\x0010\x00usr/bin/\xffa\nb\x00\x00\
            l\x00777\x000\x000\x007\x001\x003\x00bin\x00usr/bin\x00";
        let listed = parsed(text).unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(
            listed[0],
            Listed {
                path: b"usr/bin/\xffa\nb".to_vec(),
                kind: 'f',
                mode: 0o4755,
                uid: 0,
                gid: 42,
                inode: 12_345_678_901,
                nlink: 2,
                size: 10,
                target: Vec::new(),
            }
        );
        assert_eq!(
            (listed[1].kind, listed[1].target.as_slice()),
            ('l', &b"usr/bin"[..])
        );
        assert_eq!(parsed(b"").unwrap(), []);
    }

    #[test]
    fn refuses_nonsense() {
        let bad: [&[u8]; 8] = [
            b"f\x00644\x000",
            b"f\x00644\x000\x000\x001\x001\x001\x00a\x00",
            b"D\x00644\x000\x000\x001\x001\x001\x00a\x00\x00",
            b"f\x00698\x000\x000\x001\x001\x001\x00a\x00\x00",
            b"f\x00644\x00+1\x000\x001\x001\x001\x00a\x00\x00",
            b"f\x00644\x004294967296\x000\x001\x001\x001\x00a\x00\x00",
            b"f\x00644\x000\x000\x001\x001\x001\x00\x00\x00",
            b"f\x00644\x000\x000\x001\x001\x001\x00/etc\x00\x00",
        ];
        for bytes in bad {
            let text = String::from_utf8_lossy(bytes).into_owned();
            assert!(
                matches!(parsed(bytes), Err(Error::Listing { .. })),
                "{text:?}"
            );
        }
    }
}
