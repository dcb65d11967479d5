//! Where apt in the image finds packages: what the apt package itself gives as an example, for the
//! suite of the lock.

use std::{path::Path, sync::Arc};

use layer::{Entry, EntryPath, Result, Tree};
use lock::Lock;

const EXAMPLE: &str = "usr/share/doc/apt/examples/debian.sources";
const PLACE: &str = "etc/apt/sources.list.d/debian.sources";

/// Adds the file, where the system has apt with its example.
pub(crate) fn add(lock: &Lock, root: &Path, tree: &mut Tree) -> Result<()> {
    let Ok(example) = std::fs::read_to_string(root.join(EXAMPLE)) else {
        return Ok(());
    };
    let text = for_suite(
        &example,
        &lock.debian.suite,
        &lock.debian.components.join(" "),
    );
    let path = EntryPath::new(PLACE).map_err(|error| layer::Error::step(PLACE, error))?;
    tree.insert(Entry::file(path, Arc::new(text.into_bytes()), false))
}

/// The example's first stanza (deb822), with suite and components of our own.
fn for_suite(example: &str, suite: &str, components: &str) -> String {
    let mut text = String::new();
    let lines = example
        .lines()
        .skip_while(|line| line.trim().is_empty() || line.starts_with('#'));
    for line in lines.take_while(|line| !line.trim().is_empty()) {
        let line = match line.split_once(':') {
            Some(("Suites", _)) => format!("Suites: {suite}"),
            Some(("Components", _)) => format!("Components: {components}"),
            _ => line.to_owned(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_stanza_with_our_suite() {
        let example = "# a comment\nTypes: deb\nURIs: http://mirror.test/debian\nSuites: old old-updates\n\
                       Components: main contrib\nSigned-By: /k.gpg\n\nTypes: deb\nURIs: http://other.test\n";
        assert_eq!(
            super::for_suite(example, "new", "main"),
            "Types: deb\nURIs: http://mirror.test/debian\nSuites: new\nComponents: main\nSigned-By: /k.gpg\n"
        );
    }
}
