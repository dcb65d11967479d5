//! Which wheels CPython takes on this platform, and which of them it likes best (PEP 425, PEP 600;
//! the order is that of pip and uv).

use std::collections::HashMap;

use edition::PythonVersion;

/// The newest glibc (2.x) that wheels may ask for: the newest that uv knows by name. A Debian with Python 3.14
/// has a newer one.
pub(crate) const GLIBC: u32 = 40;
/// Old names of some platforms: 2.x and the name.
const LEGACY: [(u32, &str); 3] = [
    (17, "manylinux2014"),
    (12, "manylinux2010"),
    (5, "manylinux1"),
];

/// Tags by rank; the best has the lowest.
#[derive(Debug)]
pub(crate) struct Tags(HashMap<String, usize>);

impl Tags {
    /// For an interpreter, on x86-64.
    pub(crate) fn new(python: PythonVersion) -> Self {
        let mut platforms = Vec::new();
        for minor in (5..=GLIBC).rev() {
            platforms.push(format!("manylinux_2_{minor}_x86_64"));
            let legacy = LEGACY.iter().find(|(at, _)| *at == minor);
            platforms.extend(legacy.map(|(_, name)| format!("{name}_x86_64")));
        }
        platforms.push("linux_x86_64".to_owned());
        let PythonVersion {
            major,
            minor,
            free_threaded,
        } = python;
        let this = format!("cp{major}{minor}");
        let mut generic = vec![format!("py{major}{minor}"), format!("py{major}")];
        generic.extend((0..minor).rev().map(|old| format!("py{major}{old}")));
        let mut tags = Vec::new();
        let mut on_platforms = |python: &str, abi: &str| {
            let tag = |platform: &String| format!("{python}-{abi}-{platform}");
            tags.extend(platforms.iter().map(tag));
        };
        // The stable ABI of CPython with the GIL is not that without it (PEP 703).
        if free_threaded {
            on_platforms(&this, &format!("{this}t"));
            on_platforms(&this, "none");
        } else {
            on_platforms(&this, &this);
            on_platforms(&this, "abi3");
            on_platforms(&this, "none");
            for old in (2..minor).rev() {
                on_platforms(&format!("cp{major}{old}"), "abi3");
            }
        }
        for python in &generic {
            on_platforms(python, "none");
        }
        tags.push(format!("{this}-none-any"));
        tags.extend(generic.iter().map(|python| format!("{python}-none-any")));
        let mut ranks = HashMap::new();
        for (rank, tag) in tags.into_iter().enumerate() {
            ranks.entry(tag).or_insert(rank);
        }
        Self(ranks)
    }

    /// How good a wheel is, by its file name (PEP 427): the lower the better; among equals the one
    /// with the highest build number. `None` for one that does not fit.
    pub(crate) fn rank(&self, filename: &str) -> Option<(usize, std::cmp::Reverse<u64>)> {
        let stem = filename.strip_suffix(".whl")?;
        let fields: Vec<&str> = stem.split('-').collect();
        let (build, tags) = match fields.as_slice() {
            [_, _, tags @ ..] if tags.len() == 3 => (0, tags),
            [_, _, build, tags @ ..] if tags.len() == 3 => {
                let digits = build.trim_end_matches(|c: char| !c.is_ascii_digit());
                (digits.parse::<u64>().map_or(0, |number| number + 1), tags)
            }
            _ => return None,
        };
        let mut best = None;
        for python in tags[0].split('.') {
            for abi in tags[1].split('.') {
                for platform in tags[2].split('.') {
                    let rank = self.0.get(&format!("{python}-{abi}-{platform}")).copied();
                    best = best.into_iter().chain(rank).min();
                }
            }
        }
        best.map(|rank| (rank, std::cmp::Reverse(build)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(free_threaded: bool) -> PythonVersion {
        PythonVersion {
            major: 3,
            minor: 14,
            free_threaded,
        }
    }

    /// Best first.
    fn order<'n>(tags: &Tags, names: &[&'n str]) -> Vec<&'n str> {
        let mut fits: Vec<_> = names
            .iter()
            .filter(|name| tags.rank(name).is_some())
            .collect();
        fits.sort_by_key(|name| tags.rank(name));
        fits.into_iter().copied().collect()
    }

    #[test]
    fn own_abi_before_stable_abi_before_pure() {
        let names = [
            "a-1-py3-none-any.whl",
            "a-1-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "a-1-cp314-cp314-manylinux_2_17_x86_64.whl",
            "a-1-2-cp314-cp314-manylinux_2_17_x86_64.whl",
            "a-1-cp314-cp314-manylinux_2_28_x86_64.whl",
            "a-1-cp314-cp314t-manylinux_2_28_x86_64.whl",
            "a-1-cp314-cp314-manylinux_2_41_x86_64.whl",
            "a-1-cp314-cp314-musllinux_1_2_x86_64.whl",
            "a-1-cp313-cp313-manylinux_2_28_x86_64.whl",
            "a-1-cp314-cp314-win_amd64.whl",
            "a-1.tar.gz",
        ];
        let want = [names[4], names[3], names[2], names[1], names[0]];
        assert_eq!(order(&Tags::new(python(false)), &names), want);
    }

    #[test]
    fn without_the_gil_neither_the_plain_abi_nor_the_stable_one_fits() {
        let names = [
            "a-1-cp314-cp314-manylinux_2_28_x86_64.whl",
            "a-1-cp39-abi3-manylinux_2_28_x86_64.whl",
            "a-1-cp314-cp314t-manylinux_2_28_x86_64.whl",
            "a-1-py2.py3-none-any.whl",
        ];
        assert_eq!(
            order(&Tags::new(python(true)), &names),
            [names[2], names[3]]
        );
    }

    /// The order of `packaging`, which pip brings with it, for the same interpreter and platforms.
    #[test]
    fn the_order_is_that_of_packaging() {
        for free_threaded in [false, true] {
            let tags = Tags::new(python(free_threaded));
            let abi = if free_threaded { "cp314t" } else { "cp314" };
            let script = format!(
                "from pip._vendor.packaging.tags import cpython_tags, compatible_tags\n\
                 old = {{17: 'manylinux2014', 12: 'manylinux2010', 5: 'manylinux1'}}\n\
                 names = [[f'manylinux_2_{{n}}'] + ([old[n]] if n in old else []) for n in range({GLIBC}, 4, -1)]\n\
                 platforms = [name + '_x86_64' for both in names for name in both] + ['linux_x86_64']\n\
                 print(*cpython_tags((3, 14), ['{abi}'], platforms), sep='\\n')\n\
                 print(*compatible_tags((3, 14), 'cp314', platforms), sep='\\n')"
            );
            let output = std::process::Command::new("python3")
                .args(["-c", &script])
                .output();
            let Some(output) = output.ok().filter(|output| output.status.success()) else {
                println!("skipped: no pip on this machine");
                return;
            };
            let mut ours: Vec<_> = tags.0.iter().map(|(tag, rank)| (rank, tag)).collect();
            ours.sort();
            let mut theirs = Vec::new();
            // Some stand there twice.
            for tag in String::from_utf8(output.stdout).unwrap().lines() {
                if !theirs.iter().any(|known| known == tag) {
                    theirs.push(tag.to_owned());
                }
            }
            let ours: Vec<_> = ours.into_iter().map(|(_, tag)| tag.clone()).collect();
            if free_threaded && theirs.iter().any(|tag| tag.contains("-abi3-")) {
                println!("skipped: this machine's pip does not know the flavour without the GIL");
                return;
            }
            let apart = ours
                .iter()
                .zip(&theirs)
                .position(|(one, other)| one != other);
            let apart = apart.map(|at| (at, &ours[at], &theirs[at]));
            assert_eq!((apart, ours.len()), (None, theirs.len()), "{free_threaded}");
        }
    }
}
