//! What can go wrong between asking for a program and having its result.

use std::io;
use std::path::PathBuf;

/// The result of working with a sandbox.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a program could not be run, or that it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The root folder is not there, or is not a folder.
    #[error("cannot use {} as a root folder: {source}", path.display())]
    Root {
        /// The folder asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A path of the host cannot be shown inside.
    #[error("cannot show {} at {} inside: {problem}", host.display(), guest.display())]
    Bind {
        /// The path on the host.
        host: PathBuf,
        /// The path inside.
        guest: PathBuf,
        /// What is wrong, and what was expected.
        problem: String,
    },
    /// A device of the host is something else, which programs would read from or fill.
    #[error(
        "{path} of this host is {found}, expected the character device {major}:{minor}; as root, \
         run: rm {path}; mknod -m 666 {path} c {major} {minor}"
    )]
    Device {
        /// Its path.
        path: String,
        /// The major number that it has everywhere.
        major: u32,
        /// The minor number.
        minor: u32,
        /// What is there.
        found: String,
    },
    /// A path holds a NUL byte.
    #[error("{text:?} holds a NUL byte, which no path can")]
    Nul {
        /// The path, lossily.
        text: String,
    },
    /// The host lets us make neither kind of sandbox.
    #[error("this host does not let {who} make namespaces ({source}): {hint}")]
    Unavailable {
        /// Who asked, such as `root` or `user 1000`.
        who: String,
        /// The setting that is in the way, and what to do.
        hint: String,
        /// What the system said.
        source: io::Error,
    },
    /// The user has no subordinate ids, or too few.
    #[error(
        "{user} has {found} subordinate ids in {file}, and 65535 are needed for the owners of a \
         Debian system; as root, run: usermod --add-subuids 100000-165535 \
         --add-subgids 100000-165535 {user}"
    )]
    SubordinateIds {
        /// The user's name, or number where it has none.
        user: String,
        /// Which file was read.
        file: &'static str,
        /// How many it grants.
        found: u64,
    },
    /// The ids of a user namespace could not be set.
    #[error("cannot map user and group ids with {program}: {problem}")]
    Mapping {
        /// `newuidmap`, `newgidmap` or the file written.
        program: String,
        /// What it said.
        problem: String,
    },
    /// A call of the system that hardly ever fails did.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was attempted.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The inside could not be prepared.
    #[error("sandbox of {}: cannot {step}: {source}", root.display())]
    Setup {
        /// The root folder.
        root: PathBuf,
        /// The step that failed.
        step: String,
        /// What the system said.
        source: io::Error,
    },
    /// The program is not there, or cannot be executed.
    #[error("cannot start {program} in {}: {source}", root.display())]
    Start {
        /// The root folder.
        root: PathBuf,
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// Talking to the program failed.
    #[error("{program}: cannot use its {stream}: {source}")]
    Stream {
        /// The program.
        program: String,
        /// `stdin`, `stdout`, `stderr` or `status`.
        stream: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The program ran and failed.
    #[error("{program} failed with status {status}, expected 0; its last words: {stderr}")]
    Failed {
        /// The program.
        program: String,
        /// Its exit status; 128 + n where signal n ended it.
        status: i32,
        /// The last 4 KiB or so of its standard error, lossily.
        stderr: String,
    },
    /// The image's `find` wrote something else than was asked for.
    #[error("the listing of the root is malformed at {path:?}: {field} is {found:?}")]
    Listing {
        /// The path, lossily, or the number of the record where it has none.
        path: String,
        /// The field that is wrong.
        field: &'static str,
        /// What was found, lossily.
        found: String,
    },
}
