//! A trial of unpacking, for tests: from the packages and from what was read ahead.

#![allow(clippy::unwrap_used)]

use std::{fs, path::PathBuf};

use crate::{
    Package, Result,
    ahead::beside,
    claims::Claims,
    closure::unpack_fresh,
    fixup::Fixup,
    testing::{Tar, all_below, context, package},
    unpack::{Diversions, List, Rules, Source},
};

/// A root, and what packages hold of it.
pub(crate) struct Trial {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) cx: layer::Context,
    pub(crate) claims: Claims,
}

impl Trial {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        let cx = context(folder.path());
        Self {
            folder,
            cx,
            claims: Claims::default(),
        }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(crate) fn package(&self, name: &str, fields: &str, data: Tar) -> Package {
        package(self.folder.path(), name, fields, &[], data)
    }

    pub(crate) fn unpack(&mut self, packages: &[Package]) -> Result<(Vec<List>, Vec<Fixup>)> {
        self.unpack_with(packages, &Diversions::new())
    }

    /// Unpacks packages, and once more from what was read ahead: all must be the same, and what is
    /// refused, too.
    pub(crate) fn unpack_with(
        &mut self,
        packages: &[Package],
        diversions: &Diversions,
    ) -> Result<(Vec<List>, Vec<Fixup>)> {
        let rules = Rules {
            diversions,
            conffiles_aside: true,
        };
        let sources: Vec<Source<'_>> = packages.iter().map(Into::into).collect();
        let root = self.root();
        let direct = unpack_fresh(&self.cx, &sources, &root, rules, &mut self.claims);
        let direct = direct.and_then(|lists| Ok((lists, self.claims.end_round(&root)?.0)));

        let root = self.folder.path().join("ahead");
        fs::create_dir(&root).unwrap();
        let mut claims = Claims::default();
        let all: Vec<usize> = (0..packages.len()).collect();
        let rounds = [all.clone()];
        let ahead = beside(&self.cx, packages, &rounds, |ahead| {
            let sources = ahead.take(&all)?;
            let lists = unpack_fresh(&self.cx, &sources, &root, rules, &mut claims)?;
            Ok((lists, claims.end_round(&root)?.0))
        });
        match (&direct, &ahead) {
            (Ok(direct), Ok(ahead)) => {
                assert_eq!(ahead.0, direct.0);
                // A folder has the mode of whoever came first, until it is given its own.
                let of_files = |fixups: &[Fixup]| -> Vec<Fixup> {
                    let files = fixups
                        .iter()
                        .filter(|fixup| !root.join(&fixup.path).is_dir());
                    files.cloned().collect()
                };
                assert_eq!(of_files(&ahead.1), of_files(&direct.1));
                assert_eq!(all_below(&root), all_below(&self.root()));
            }
            // Of two packages that do not agree either may be told of.
            (Err(_), Err(_)) if packages.len() > 1 => {}
            (Err(direct), Err(ahead)) => assert_eq!(ahead.to_string(), direct.to_string()),
            _ => panic!("{direct:?} is not {ahead:?}"),
        }
        fs::remove_dir_all(root).unwrap();
        direct
    }

    /// Unpacks one package alone, which should fail.
    pub(crate) fn refused(data: Tar) -> String {
        let mut trial = Self::new();
        let package = trial.package("evil", "", data);
        let error = trial.unpack(&[package]).unwrap_err().to_string();
        assert!(
            error.starts_with("evil 1.0 (evil_1.0_all.deb): "),
            "{error}"
        );
        error
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }
}
