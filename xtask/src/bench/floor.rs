//! What this machine could do at best: the speed of each piece of work, measured on the image's own
//! bytes with all threads busy, and what they come to for the whole image with nothing in between.

use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use layer::Compression;
use sha2::Digest;
use zip_reader::ZipFile;

use super::{
    bed::Bed,
    built::{Part, deflated, parts},
};

/// Bytes that are compressed at a time, as in a layer.
const PIECE: usize = 4 << 20;
/// Every so many pieces one is measured.
const EVERY: usize = 4;

/// Bytes and the time that they took on one of several busy threads.
#[derive(Debug, Default, Clone, Copy)]
pub struct Speed {
    bytes: u64,
    time: Duration,
}

impl Speed {
    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.time += other.time;
    }

    /// How long so many bytes take on one thread, in seconds.
    pub fn seconds(self, bytes: u64) -> f64 {
        bytes as f64 * self.time.as_secs_f64() / (self.bytes as f64).max(1.0)
    }

    /// Megabytes in a second, on one thread.
    pub fn rate(self) -> f64 {
        self.bytes as f64 / self.time.as_secs_f64().max(1e-9) / 1e6
    }
}

/// Speeds of one thread while all are busy, and the disk's.
#[derive(Debug, Default)]
pub struct Speeds {
    pub inflate: Speed,
    pub deflate: Speed,
    pub zstd: Speed,
    pub sha256: Speed,
    /// Writing to the disk to the end, by one thread.
    pub disk: Speed,
}

fn timed<T>(bytes: usize, work: impl FnOnce() -> T) -> (Speed, T) {
    let begun = Instant::now();
    let made = work();
    let time = begun.elapsed();
    let bytes = bytes as u64;
    (Speed { bytes, time }, made)
}

/// Gives out items to all threads.
fn on_all_threads<T: Send>(items: Vec<T>, work: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let queue = Mutex::new(items);
    let next = || queue.lock().ok().and_then(|mut queue| queue.pop());
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(item) = next() {
                        work(item)?;
                    }
                    Ok(())
                })
            })
            .collect();
        running
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a measuring thread"))?)
    })
}

/// What a build comes to at best, in both encodings.
#[derive(Debug)]
pub struct Least {
    pub speeds: Speeds,
    pub gzip: Amounts,
    pub zstd: Amounts,
    /// Bytes of bytecode among what is packed.
    bytecode: u64,
}

impl Least {
    /// Of what `build` makes with each compression, out of these wheels and more. What of it is not in the
    /// bed's store is built; bytecode that other builds left there counts, too.
    pub fn of(
        bed: &Bed,
        wheels: &[lock::Wheel],
        build: &dyn Fn(&str) -> Result<Command>,
    ) -> Result<Self> {
        let wheels: Vec<PathBuf> = wheels
            .iter()
            .map(|wheel| bed.download(&wheel.sha256))
            .collect();
        let deflated = deflated(&wheels)?;
        let (gzip, zstd) = (parts(build("gzip")?)?, parts(build("zstd")?)?);
        let packs = bed.bytecode()?;
        let sizes = packs.iter().map(|pack| Ok(pack.metadata()?.len()));
        let bytecode = sizes.sum::<Result<u64>>()?;
        Ok(Self {
            speeds: measure(&zstd, &wheels, &packs, &bed.path(""))?,
            gzip: Amounts::of(&gzip, deflated, true)?,
            zstd: Amounts::of(&zstd, deflated, false)?,
            bytecode,
        })
    }

    /// The same without the bytecode, to be held against who makes none.
    pub fn without_bytecode(mut self) -> Self {
        for amounts in [&mut self.gzip, &mut self.zstd] {
            amounts.leave_out(self.bytecode);
        }
        self
    }

    /// As gzip, in seconds.
    pub fn gzip_seconds(&self) -> f64 {
        self.speeds.floor(self.gzip)
    }

    /// As zstd -3, in seconds.
    pub fn zstd_seconds(&self) -> f64 {
        self.speeds.floor(self.zstd)
    }
}

/// Reads pieces, and gives the first and every so many after it to `work`.
fn every(
    nth: usize,
    reader: &mut dyn Read,
    mut work: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut piece = Vec::with_capacity(PIECE);
    for number in 0.. {
        piece.clear();
        if reader.take(PIECE as u64).read_to_end(&mut piece)? == 0 {
            break;
        }
        if number % nth == 0 {
            work(&piece)?;
        }
    }
    Ok(())
}

/// Measures on the parts of a zstd image, and on the wheels and the bytecode that they were made of.
fn measure(
    parts: &[Part],
    wheels: &[PathBuf],
    bytecode: &[PathBuf],
    folder: &Path,
) -> Result<Speeds> {
    let all = Mutex::new(Speeds::default());
    let with = |change: &dyn Fn(&mut Speeds)| {
        if let Ok(mut all) = all.lock() {
            change(&mut all);
        }
    };
    let tar =
        |part: &Part| -> Result<_> { Ok(Compression::default().decoder(File::open(&part.path)?)?) };
    on_all_threads(parts.iter().collect(), |part: &Part| {
        let mut compressor = zstd::bulk::Compressor::new(3)?;
        let mut frame = Vec::with_capacity(zstd::zstd_safe::compress_bound(PIECE));
        every(EVERY, &mut tar(part)?, |piece| {
            let (zstd, made) = timed(piece.len(), || {
                compressor.compress_to_buffer(piece, &mut frame)
            });
            made?;
            let (sha256, _) = timed(piece.len(), || sha2::Sha256::digest(piece));
            with(&|all| {
                all.zstd.add(zstd);
                all.sha256.add(sha256);
            });
            Ok(())
        })
    })?;
    // What a gzip layer deflates, mostly: bytecode and Debian's files. Taken from the end: the large ones first.
    enum Plain<'p> {
        Tar(&'p Part),
        Bytecode(&'p Path),
    }
    let debian = parts.iter().filter(|part| part.is_debian());
    let plain = bytecode.iter().map(|pack| Plain::Bytecode(pack));
    let plain = plain.chain(debian.map(Plain::Tar)).collect();
    on_all_threads(plain, |plain| {
        let mut deflater = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
        let mut packed = vec![0; deflater.deflate_compress_bound(PIECE)];
        let mut reader: Box<dyn Read> = match plain {
            Plain::Tar(part) => Box::new(tar(part)?),
            Plain::Bytecode(path) => Box::new(File::open(path)?),
        };
        every(1, &mut reader, |piece| {
            let (deflate, made) = timed(piece.len(), || {
                deflater.deflate_compress(piece, &mut packed)
            });
            made?;
            with(&|all| all.deflate.add(deflate));
            Ok(())
        })
    })?;
    on_all_threads(wheels.to_vec(), |wheel| {
        let zip = ZipFile::open(&wheel)?;
        for at in (0..zip.entries().len()).step_by(EVERY) {
            let size = zip.entries()[at].size as usize;
            let content = zip.content(at);
            let (inflate, done) = timed(size, || content.copy_to(&mut std::io::sink()));
            done.map_err(|error| anyhow!("{}: {error}", wheel.display()))?;
            with(&|all| all.inflate.add(inflate));
        }
        Ok(())
    })?;
    let disk = disk(folder)?;
    with(&|all| all.disk = disk);
    all.into_inner().map_err(|_| anyhow!("a measuring thread"))
}

fn disk(folder: &Path) -> Result<Speed> {
    // Nothing that a disk could compress.
    let mut block = vec![0; 4 << 20];
    File::open("/dev/urandom")?.read_exact(&mut block)?;
    let mut file = tempfile::tempfile_in(folder)?;
    let (speed, done) = timed(block.len() * 128, || {
        (0..128)
            .try_for_each(|_| file.write_all(&block))
            .and_then(|()| file.sync_all())
    });
    done?;
    Ok(speed)
}

/// How many bytes go through what.
#[derive(Debug, Clone, Copy)]
pub struct Amounts {
    /// Out of wheels.
    pub inflated: u64,
    /// Through the compressor.
    pub compressed: u64,
    /// All tars.
    pub tars: u64,
    /// All blobs.
    pub blobs: u64,
    /// Whether what lies deflated in wheels stays as it is.
    pub gzip: bool,
}

impl Amounts {
    /// Of a build's parts, when so many of their bytes lie deflated in wheels.
    fn of(parts: &[Part], deflated: u64, gzip: bool) -> Result<Self> {
        let tars = parts.iter().map(|part| part.diff_size).sum::<u64>();
        let plain = tars
            .checked_sub(deflated)
            .ok_or_else(|| anyhow!("the wheels hold more than what was made of them"))?;
        Ok(Self {
            inflated: deflated,
            compressed: if gzip { plain } else { tars },
            tars,
            blobs: parts.iter().map(|part| part.size).sum(),
            gzip,
        })
    }

    /// Leaves out so many bytes that did not lie deflated, and their share of the blobs.
    fn leave_out(&mut self, bytes: u64) {
        let bytes = bytes.min(self.compressed);
        let share = bytes as f64 / self.tars.max(1) as f64;
        self.blobs -= (self.blobs as f64 * share) as u64;
        self.compressed -= bytes;
        self.tars -= bytes;
    }
}

impl Speeds {
    /// The least time, in seconds: all the processor's work spread evenly over its threads, or the disk,
    /// whichever takes longer.
    fn floor(&self, amounts: Amounts) -> f64 {
        let threads = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let compressor = if amounts.gzip {
            self.deflate
        } else {
            self.zstd
        };
        let work = self.inflate.seconds(amounts.inflated)
            + compressor.seconds(amounts.compressed)
            + self.sha256.seconds(amounts.tars + amounts.blobs);
        (work / threads).max(self.disk.seconds(amounts.blobs))
    }

    /// One line for people.
    pub fn shown(&self) -> String {
        format!(
            "speeds on one thread with all busy: inflate {:.0}, deflate -6 {:.0}, zstd -3 {:.0}, sha256 \
             {:.0} MB/s; disk {:.0} MB/s",
            self.inflate.rate(),
            self.deflate.rate(),
            self.zstd.rate(),
            self.sha256.rate(),
            self.disk.rate()
        )
    }
}
