//! Strata's command line: arguments, then one file for each verb. No build logic.

// The arguments' comments are their --help texts, written for a terminal.
#![allow(rustdoc::invalid_html_tags, rustdoc::broken_intra_doc_links)]

mod archive;
mod attach;
mod bench;
mod build;
mod caches;
mod check;
mod edit;
mod engine;
mod fetch;
mod image;
mod layer_verb;
mod load;
mod lock_verb;
mod memory;
mod options;
mod outdated;
mod place;
mod progress;
mod pull_size;
mod push;
mod rebuilt;
mod registries;
mod run;
mod summary;
mod table;
mod timings;
mod vanished;

use clap::{Parser, Subcommand};

/// Builds the ComfyUI image from locked artifacts, layer by layer, without a daemon.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Image(image::Args),
    Layer(layer_verb::Args),
    Archive(archive::Args),
    Load(load::Args),
    Push(push::Args),
    Attach(attach::Args),
    PullSize(pull_size::Args),
    Run(run::Args),
    Lock(lock_verb::Args),
    Outdated(outdated::Args),
    Check(check::Args),
    Fetch(fetch::Args),
    Bench(bench::Args),
    /// Adds packages to a layer of an edition, and locks it.
    Add(edit::Args),
    /// Removes packages from a layer of an edition, and locks it.
    Remove(edit::Args),
}

fn main() -> std::process::ExitCode {
    memory::bound();
    let result = match Cli::parse().verb {
        Verb::Image(args) => image::run(&args),
        Verb::Layer(args) => layer_verb::run(&args),
        Verb::Archive(args) => archive::run(&args),
        Verb::Load(args) => load::run(&args),
        Verb::Push(args) => push::run(&args),
        Verb::Attach(args) => attach::run(&args),
        Verb::PullSize(args) => pull_size::run(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Lock(args) => lock_verb::run(&args),
        Verb::Outdated(args) => outdated::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Fetch(args) => fetch::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Add(args) => edit::add(&args),
        Verb::Remove(args) => edit::remove(&args),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
