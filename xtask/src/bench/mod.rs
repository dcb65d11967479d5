//! `cargo xtask bench`: how fast it is, beside others that do the same, on this machine and in one run.

mod again;
mod bed;
mod buildah;
mod built;
mod command;
mod debian;
mod fetching;
mod figures;
mod floor;
mod made_wheel;
mod plot;
mod pushing;
mod scale;
mod starter;
mod wheels;

use std::path::PathBuf;

use anyhow::{Result, bail};

use bed::Bed;
use figures::Figures;

/// Measures builds, beside other tools and beside what this machine could do at best.
///
/// Comparisons run all sides in turns and take medians; buildah's side runs once, and of mmdebstrap's comparison
/// the best rounds count. Ratios count, seconds depend on the machine. Tools that are not installed (mmdebstrap, buildah, docker-registry, skopeo) are said to be missing and passed over.
/// Needs about 65 GB of disk for all of it. Standard output is the table, in Markdown.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Benchmarks:\n  starter   the whole image, and its packing beside this machine's floor\n  \
                  debian    the Debian system beside mmdebstrap\n  \
                  wheels    a layer of wheels beside uv pip install --target\n  \
                  again     nothing changed, one small package changed\n  \
                  scale     layers of several sizes, wheels of several numbers, 1 thread and all\n  \
                  fetching  from an empty store, beside downloading alone and building alone\n  \
                  push      into a registry on loopback, beside skopeo\n  \
                  buildah   the whole image beside a Containerfile\n\n\
                  Examples:\n  cargo xtask bench --only debian,wheels\n  cargo xtask bench --rounds 5"
)]
pub struct Args {
    /// The edition, as in editions/<EDITION>.lock, or the path of a lock file.
    #[arg(default_value = "starter")]
    edition: String,
    /// These benchmarks alone.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// How often each is run; buildah is run once.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Where figures.json, figures.md and the plots go [default: dist/bench].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where it is measured: a folder on the store's disk, which must not exist; it is removed at the
    /// end [default: bench-<process> beside the store].
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// The store that downloads are taken from, and put into [default: the user's].
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

type Bench = fn(&Bed, &mut Figures) -> Result<()>;

const BENCHES: [(&str, Bench); 8] = [
    ("starter", starter::run),
    ("debian", debian::run),
    ("wheels", wheels::run),
    ("again", again::run),
    ("scale", scale::run),
    ("fetching", fetching::run),
    ("push", pushing::run),
    ("buildah", buildah::run),
];

pub fn run(args: &Args) -> Result<()> {
    if let Some(unknown) = args
        .only
        .iter()
        .find(|name| BENCHES.iter().all(|(known, _)| known != name))
    {
        let known: Vec<_> = BENCHES.iter().map(|(name, _)| *name).collect();
        bail!(
            "no benchmark is called {unknown:?} (there are: {})",
            known.join(", ")
        );
    }
    let out = match &args.out {
        Some(out) => out.clone(),
        None => crate::place::root().join("dist/bench"),
    };
    std::fs::create_dir_all(&out)?;
    let bed = Bed::new(
        &args.edition,
        args.store.as_deref(),
        args.work.as_deref(),
        args.rounds.max(1),
    )?;
    let mut figures = Figures::new();
    for (name, bench) in BENCHES {
        if args.only.is_empty() || args.only.iter().any(|only| only == name) {
            eprintln!("== {name}");
            bench(&bed, &mut figures)?;
            // After each: a long run that is stopped leaves what it has found.
            figures.write(&out)?;
        }
    }
    println!("{}", figures.markdown());
    eprintln!("written to {}", out.display());
    Ok(())
}
