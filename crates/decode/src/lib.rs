//! Compressed streams as readers: gzip, xz and zstd, in bounded memory. What is inside them
//! (packages, archives) is not known here.
//!
//! A stream of several gzip members, xz streams or zstd frames is read whole. A checksum that the
//! format has is verified; a stream that ends early is an [`io::ErrorKind::UnexpectedEof`].

use std::io::{self, BufRead, Read};

/// What the xz decoder may take, in bytes. The highest preset of xz needs 65 MiB to decode.
const XZ_MEMORY: u64 = 256 << 20;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Plain,
    /// gzip (RFC 1952).
    Gzip,
    /// xz.
    Xz,
    /// zstd (RFC 8878).
    Zstd,
}

impl Encoding {
    /// How many of a stream's first bytes [`Encoding::of_magic`] looks at.
    pub const MAGIC: usize = 6;

    /// What a stream's first bytes say; [`Encoding::Plain`] where they are none of ours.
    pub fn of_magic(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // A frame, or one that is skipped: some writers begin with such.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// The word for it in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }

    /// Reads `raw`, decompressed.
    ///
    /// # Errors
    /// A decoder that cannot be set up; what is wrong with the stream is told while it is read.
    pub fn reader<'r>(self, raw: impl BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
        Ok(match self {
            Self::Plain => Box::new(raw),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
            Self::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(
                    XZ_MEMORY,
                    liblzma::stream::CONCATENATED,
                )?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(raw, stream))
            }
            Self::Zstd => Box::new(zstd::Decoder::with_buffer(raw)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(encoding: Encoding, text: &[u8]) -> Vec<u8> {
        match encoding {
            Encoding::Plain => text.to_vec(),
            Encoding::Gzip => {
                let mut out =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
                out.write_all(text).unwrap();
                out.finish().unwrap()
            }
            Encoding::Xz => {
                let mut out = liblzma::write::XzEncoder::new(Vec::new(), 6);
                out.write_all(text).unwrap();
                out.finish().unwrap()
            }
            Encoding::Zstd => zstd::encode_all(text, 3).unwrap(),
        }
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Encoding::of_magic(bytes)
            .reader(bytes)?
            .read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn joined_streams_are_read_whole() {
        for encoding in [Encoding::Gzip, Encoding::Xz, Encoding::Zstd] {
            let joined = [packed(encoding, b"one, "), packed(encoding, b"two")].concat();
            assert_eq!(read(&joined).unwrap(), b"one, two", "{encoding:?}");
        }
    }

    #[test]
    fn a_skipped_frame_first() {
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let stream = [skipped, packed(Encoding::Zstd, b"text")].concat();
        assert_eq!(read(&stream).unwrap(), b"text");
    }

    #[test]
    fn cut_short_is_an_early_end() {
        let text: Vec<u8> = (0..40_000u32).flat_map(|n| (n * n).to_le_bytes()).collect();
        for encoding in [Encoding::Gzip, Encoding::Xz, Encoding::Zstd] {
            let whole = packed(encoding, &text);
            for keep in [whole.len() / 2, whole.len() - 1] {
                let error = read(&whole[..keep]).unwrap_err();
                assert_eq!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof,
                    "{encoding:?} {error}"
                );
            }
        }
    }
}
