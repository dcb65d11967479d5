//! One running interpreter that compiles module after module.

use std::io::{BufRead, BufReader, Read, Write};

use layer::EntryPath;
use sandbox::{Child, Sandbox};

use crate::{Error, Result};

/// What the interpreter runs. Part of the key of everything that has bytecode in it.
pub(crate) const PROGRAM: &str = include_str!("worker.py");

/// A `.pyc`: its place in the image and its bytes.
pub(crate) type Compiled = (EntryPath, Vec<u8>);

#[derive(Debug)]
pub(crate) struct Worker {
    stdin: std::process::ChildStdin,
    stdout: BufReader<std::process::ChildStdout>,
    // Dropped last: its drop kills the interpreter.
    _child: Child,
}

impl Worker {
    pub(crate) fn start(sandbox: &Sandbox, interpreter: &str) -> Result<Self> {
        // Without site and the user's folders. The environment counts: the sandbox fixes it, and
        // with it the hash seed.
        let mut child = sandbox.spawn(interpreter, ["-s", "-S", "-P", "-B", "-c", PROGRAM])?;
        let gone = || Error::Gone {
            path: "the first module".to_owned(),
            source: std::io::ErrorKind::BrokenPipe.into(),
        };
        let stdin = child.take_stdin().ok_or_else(gone)?;
        let stdout = child.take_stdout().ok_or_else(gone)?;
        Ok(Self {
            stdin,
            stdout: BufReader::new(stdout),
            _child: child,
        })
    }

    /// Compiles one module; `None` where it does not compile.
    pub(crate) fn compile(&mut self, path: &EntryPath, source: &[u8]) -> Result<Option<Compiled>> {
        let gone = |source| Error::Gone {
            path: path.to_string(),
            source,
        };
        let mut request = format!("{}\t/", source.len()).into_bytes();
        request.extend_from_slice(path.as_bytes());
        request.push(b'\n');
        request.extend_from_slice(source);
        self.stdin
            .write_all(&request)
            .and_then(|()| self.stdin.flush())
            .map_err(gone)?;
        let mut line = Vec::new();
        self.stdout.read_until(b'\n', &mut line).map_err(gone)?;
        let answer = || Error::Answer {
            path: path.to_string(),
            found: String::from_utf8_lossy(&line).into_owned(),
        };
        let tab = line
            .iter()
            .rposition(|byte| *byte == b'\t')
            .ok_or_else(answer)?;
        let size = std::str::from_utf8(&line[tab + 1..])
            .ok()
            .and_then(|size| size.trim_end().parse::<usize>().ok())
            .ok_or_else(answer)?;
        if &line[..tab] == b"none" {
            return Ok(None);
        }
        let place = line[..tab].strip_prefix(b"/").ok_or_else(answer)?;
        let place = EntryPath::new(place).map_err(|_| answer())?;
        let mut bytes = vec![0; size];
        self.stdout.read_exact(&mut bytes).map_err(gone)?;
        Ok(Some((place, bytes)))
    }
}
