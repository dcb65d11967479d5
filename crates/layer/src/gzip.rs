//! gzip members (RFC 1952), around deflate streams of others or of our own.

use std::cell::RefCell;

use crate::{Error, Result, frames::Stretch};

/// Ten bytes: no name, no time, nothing said about how it was made (XFL 0, OS 255).
pub(crate) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// libdeflate has no call that tells its version, so the version that `libdeflate-sys` bundles is
/// stated here; the golden test fails on the day that an update changes what it writes.
pub(crate) const LIBDEFLATE: &str = "1.26";

/// A stream of at most so many bytes is not worth members of its own, one for it and one for the tar header
/// before it: the file is compressed together with what stands around it, which is smaller and quicker.
pub(crate) const SMALL_STREAM: u64 = 512;

/// The end of a member: the CRC-32 of what it holds, and its size modulo 2³².
pub(crate) fn trailer(crc32: u32, size: u64) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&crc32.to_le_bytes());
    bytes[4..].copy_from_slice(&(size as u32).to_le_bytes());
    bytes
}

thread_local! {
    static DEFLATE: RefCell<Option<(i32, libdeflater::Compressor)>> = const { RefCell::new(None) };
}

/// A chunk as members: those that it has, and one for each stretch between them.
pub(crate) fn compress(
    level: i32,
    mut plain: &[u8],
    mut packed: &[u8],
    stretches: &[Stretch],
    out: &mut Vec<u8>,
) -> Result<()> {
    let failed = |message: String| Error::Codec {
        codec: format!("gzip level {level}"),
        message,
    };
    DEFLATE.with_borrow_mut(|slot| {
        // One a thread, made anew only when the level changes.
        if slot.as_ref().is_none_or(|(made_for, _)| *made_for != level) {
            let level_of = libdeflater::CompressionLvl::new(level)
                .map_err(|_| failed("no such level".to_owned()))?;
            *slot = Some((level, libdeflater::Compressor::new(level_of)));
        }
        let Some((_, compressor)) = slot else {
            return Err(failed("no compressor".to_owned()));
        };
        let mut member = |plain: &[u8], out: &mut Vec<u8>| {
            out.extend_from_slice(&HEADER);
            let start = out.len();
            out.resize(start + compressor.deflate_compress_bound(plain.len()), 0);
            let size = compressor
                .deflate_compress(plain, &mut out[start..])
                .map_err(|error| failed(error.to_string()))?;
            out.truncate(start + size);
            out.extend_from_slice(&trailer(crc32fast::hash(plain), plain.len() as u64));
            Ok(())
        };
        if stretches.is_empty() {
            return member(plain, out);
        }
        for stretch in stretches {
            match *stretch {
                Stretch::Plain(length) => {
                    let (bytes, rest) = plain.split_at(length);
                    member(bytes, out)?;
                    plain = rest;
                }
                Stretch::Packed(length, packed_length) => {
                    let (bytes, rest) = packed.split_at(packed_length);
                    out.extend_from_slice(bytes);
                    (plain, packed) = (&plain[length..], rest);
                }
            }
        }
        Ok(())
    })
}
