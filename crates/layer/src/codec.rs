//! The two encodings of a part: zstd in independent frames, gzip in independent members.
//!
//! A part's tar is cut into chunks (see `frames`). A chunk becomes one zstd frame (RFC 8878), or gzip
//! members (RFC 1952; see `gzip`), and their concatenation is the blob. Decoders of either format
//! read it as one stream.

use std::{cell::RefCell, fmt};

use serde::{Deserialize, Serialize};
use store::KeyBuilder;

use crate::{Error, Result, frames::Stretch, gzip};

/// How parts are compressed, and how hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// zstd, levels 1 to 19.
    Zstd {
        /// The level.
        level: i32,
    },
    /// gzip. What lies deflated in a wheel stays as it is.
    Gzip {
        /// The level for the rest, 1 to 12 (libdeflate's).
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
                key.field("codec", "gzip (members, libdeflate)");
                key.number("small streams", gzip::SMALL_STREAM);
                key.field("codec version", gzip::LIBDEFLATE);
                key.number("level", level as u64);
            }
        }
    }

    /// Whether files that lie deflated already are taken as they are.
    pub(crate) fn takes_deflated(self) -> bool {
        matches!(self, Self::Gzip { .. })
    }

    /// Compresses what a chunk holds to a whole frame, or to members.
    pub(crate) fn compress(
        self,
        plain: &[u8],
        packed: &[u8],
        stretches: &[Stretch],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let level = match self {
            Self::Gzip { level } => {
                return gzip::compress(level, plain, packed, stretches, out);
            }
            Self::Zstd { level } => level,
        };
        let failed = |message: String| Error::Codec {
            codec: self.to_string(),
            message,
        };
        ZSTD.with_borrow_mut(|slot| {
            // One context a thread, made anew only when the level changes.
            if slot.as_ref().is_none_or(|(made_for, _)| *made_for != level) {
                let compressor = zstd::bulk::Compressor::new(level)
                    .map_err(|error| failed(error.to_string()))?;
                *slot = Some((level, compressor));
            }
            let Some((_, compressor)) = slot else {
                return Err(failed("no compressor".to_owned()));
            };
            out.reserve(zstd::zstd_safe::compress_bound(plain.len()));
            compressor
                .compress_to_buffer(plain, out)
                .map(drop)
                .map_err(|error| failed(error.to_string()))
        })
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
