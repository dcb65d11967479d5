//! Digests of what is read.

use std::io::{self, Read};

use lock::Sha256;
use sha2::Digest;

/// Of bytes at hand.
pub fn sha256_of(bytes: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(bytes).into())
}

/// Reads to the end; gives the number of bytes and their sha256.
///
/// # Errors
/// What the reader says.
pub fn sha256(reader: &mut impl Read) -> io::Result<(u64, Sha256)> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((size, Sha256(hasher.finalize().into()))),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
