//! The two encodings of a part: zstd in independent frames, gzip in independent members.
//!
//! A part's tar is cut into chunks (see `frames`), each chunk becomes one frame (RFC 8878) or one
//! member (RFC 1952), and their concatenation is the blob. Decoders of either format read it as
//! one stream.

use std::{cell::RefCell, fmt};

use serde::{Deserialize, Serialize};
use store::KeyBuilder;

use crate::{Error, Result};

/// How parts are compressed, and how hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// zstd, levels 1 to 19.
    Zstd {
        /// The level.
        level: i32,
    },
    /// gzip, levels 1 to 12 (libdeflate's).
    Gzip {
        /// The level.
        level: i32,
    },
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd { level: 3 }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zstd { level } => write!(f, "zstd level {level}"),
            Self::Gzip { level } => write!(f, "gzip level {level}"),
        }
    }
}

/// libdeflate has no call that tells its version, so the version that `libdeflate-sys` bundles is
/// stated here; the golden test fails on the day that an update changes what it writes.
const LIBDEFLATE: &str = "1.26";

impl Compression {
    /// zstd at `level`.
    ///
    /// # Errors
    /// [`Error::Level`] outside 1 to 19.
    pub fn zstd(level: i32) -> Result<Self> {
        within("zstd", level, 19).map(|level| Self::Zstd { level })
    }

    /// gzip at `level`.
    ///
    /// # Errors
    /// [`Error::Level`] outside 1 to 12.
    pub fn gzip(level: i32) -> Result<Self> {
        within("gzip", level, 12).map(|level| Self::Gzip { level })
    }

    /// Reads a blob of this compression as the tar inside.
    ///
    /// # Errors
    /// When the decoder cannot be made; what is damaged is told while reading.
    pub fn decoder(self, blob: std::fs::File) -> std::io::Result<Box<dyn std::io::Read>> {
        let blob = std::io::BufReader::with_capacity(256 << 10, blob);
        Ok(match self {
            Self::Zstd { .. } => Box::new(zstd::Decoder::with_buffer(blob)?),
            Self::Gzip { .. } => Box::new(flate2::bufread::MultiGzDecoder::new(blob)),
        })
    }

    /// Adds codec, version and settings to a recipe key.
    pub(crate) fn add_to(self, key: &mut KeyBuilder) {
        match self {
            Self::Zstd { level } => {
                key.field("codec", "zstd");
                key.field("codec version", zstd::zstd_safe::version_string());
                key.number("level", level as u64);
            }
            Self::Gzip { level } => {
                key.field("codec", "gzip (libdeflate)");
                key.field("codec version", LIBDEFLATE);
                key.number("level", level as u64);
            }
        }
    }

    /// Compresses one chunk to a whole frame or member.
    pub(crate) fn compress(self, chunk: &[u8]) -> Result<Vec<u8>> {
        let failed = |message: String| Error::Codec {
            codec: self.to_string(),
            message,
        };
        match self {
            Self::Zstd { level } => {
                ZSTD.with_borrow_mut(|slot| {
                    // One context a thread, made anew only when the level changes.
                    if slot.as_ref().is_none_or(|(made_for, _)| *made_for != level) {
                        let compressor = zstd::bulk::Compressor::new(level)
                            .map_err(|error| failed(error.to_string()))?;
                        *slot = Some((level, compressor));
                    }
                    match slot {
                        Some((_, compressor)) => compressor
                            .compress(chunk)
                            .map_err(|error| failed(error.to_string())),
                        None => Err(failed("no compressor".to_owned())),
                    }
                })
            }
            Self::Gzip { level } => {
                let level = libdeflater::CompressionLvl::new(level)
                    .map_err(|_| failed("no such level".to_owned()))?;
                let mut compressor = libdeflater::Compressor::new(level);
                let mut out = vec![0; compressor.gzip_compress_bound(chunk.len())];
                let size = compressor
                    .gzip_compress(chunk, &mut out)
                    .map_err(|error| failed(error.to_string()))?;
                out.truncate(size);
                Ok(out)
            }
        }
    }
}

fn within(codec: &'static str, level: i32, highest: i32) -> Result<i32> {
    let lowest = 1;
    if (lowest..=highest).contains(&level) {
        Ok(level)
    } else {
        Err(Error::Level {
            codec,
            level,
            lowest,
            highest,
        })
    }
}

thread_local! {
    static ZSTD: RefCell<Option<(i32, zstd::bulk::Compressor<'static>)>> = const { RefCell::new(None) };
}
