//! The finished image as one tree of names: what a container sees when all parts lie over each other.

use std::collections::{BTreeMap, HashMap};

use layer::{FileKind, FileRecord, Part};

use crate::facts::Facts;

/// As many symbolic links as Linux follows in one path.
const MOST_LINKS: usize = 40;
/// What stands before the name of something that a part takes away (OCI image specification).
const WHITEOUT: &str = ".wh.";
/// Removes what parts below have in this folder.
const OPAQUE: &str = ".wh..wh..opq";

/// One name in the image.
#[derive(Debug)]
pub(crate) struct Node {
    pub record: FileRecord,
    /// The part that it comes from.
    pub part: usize,
}

/// All names, by path without the slash at the start.
#[derive(Debug)]
pub(crate) struct View {
    nodes: BTreeMap<String, Node>,
    parts: Vec<String>,
    /// Debian packages by path, from dpkg's own lists.
    debian: HashMap<String, String>,
}

impl View {
    /// Lays parts over each other, lowest first.
    pub fn new(parts: &[&Part], indexes: Vec<Vec<FileRecord>>) -> Self {
        let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
        for (part, records) in indexes.into_iter().enumerate() {
            for record in records {
                let (folder, name) = record.path.rsplit_once('/').unwrap_or(("", &record.path));
                let folder = match folder {
                    "" => String::new(),
                    folder => format!("{folder}/"),
                };
                match name.strip_prefix(WHITEOUT) {
                    Some(_) if name == OPAQUE => remove_below(&mut nodes, &folder, part),
                    Some(gone) => {
                        let gone = format!("{folder}{gone}");
                        if nodes.get(&gone).is_some_and(|node| node.part < part) {
                            nodes.remove(&gone);
                        }
                        remove_below(&mut nodes, &format!("{gone}/"), part);
                    }
                    None => {
                        nodes.insert(record.path.clone(), Node { record, part });
                    }
                }
            }
        }
        Self {
            nodes,
            parts: parts.iter().map(|part| part.name.clone()).collect(),
            debian: HashMap::new(),
        }
    }

    /// Learns from dpkg's lists which packages Debian's files belong to.
    pub fn learn_debian<'t>(&mut self, texts: impl Iterator<Item = (&'t str, &'t str)>) {
        for (path, text) in texts {
            let name = path.rsplit('/').next().unwrap_or(path);
            let Some(package) = name.strip_suffix(".list") else {
                continue;
            };
            let package = package.split(':').next().unwrap_or(package).to_owned();
            for line in text.lines() {
                let path = line.trim_start_matches('/');
                // Folders belong to many. dpkg's paths may lead through links such as /lib.
                if let Some(real) = self.resolve(path)
                    && self
                        .node(&real)
                        .is_some_and(|node| node.record.kind != FileKind::Dir)
                {
                    self.debian.insert(real, package.clone());
                }
            }
        }
    }

    /// What stands at a path itself.
    pub fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Every name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// The path, absolute or not, with all links followed: where the content stands. `None` where
    /// nothing is.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut rest: Vec<String> = components(path);
        let mut real: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(component) = rest.pop() {
            if component == ".." {
                real.pop();
                continue;
            }
            real.push(component);
            let here = real.join("/");
            let record = &self.nodes.get(&here)?.record;
            match record.kind {
                FileKind::Dir => {}
                FileKind::Symlink => {
                    links += 1;
                    if links > MOST_LINKS {
                        return None;
                    }
                    real.pop();
                    if record.content.starts_with('/') {
                        real.clear();
                    }
                    rest.extend(components(&record.content));
                }
                FileKind::File if rest.is_empty() => {}
                FileKind::Hardlink if rest.is_empty() => {
                    real = record.content.split('/').map(str::to_owned).collect();
                }
                FileKind::File | FileKind::Hardlink => return None,
            }
        }
        Some(real.join("/"))
    }

    /// Whether a path leads to a file that can be run.
    pub fn is_executable(&self, path: &str) -> bool {
        let found = self.resolve(path).and_then(|real| self.nodes.get(&real));
        found.is_some_and(|node| node.record.kind != FileKind::Dir && node.record.mode & 0o111 != 0)
    }

    /// Who brought what stands at a path: a wheel, a Debian package, or else the part.
    pub fn artifact(&self, path: &str) -> String {
        let Some(node) = self.nodes.get(path) else {
            return "nobody".to_owned();
        };
        if !node.record.package.is_empty() {
            return node.record.package.clone();
        }
        if let Some(package) = self.debian.get(path) {
            return package.clone();
        }
        // A node has a folder of its own; the part may be one of several.
        match path
            .strip_prefix("opt/comfyui-nodes/")
            .and_then(|rest| rest.split_once('/'))
        {
            Some((node, _)) => node.to_owned(),
            None => self.parts[node.part].clone(),
        }
    }

    /// The facts that are not hidden by parts above, of all parts.
    pub fn visible<'f, T: 'f>(
        &'f self,
        facts: &'f [Facts],
        of: impl Fn(&'f Facts) -> &'f BTreeMap<String, T> + 'f,
    ) -> impl Iterator<Item = (&'f str, &'f T)> + 'f {
        facts.iter().enumerate().flat_map(move |(part, facts)| {
            let all = of(facts).iter();
            all.filter(move |(path, _)| self.nodes.get(*path).is_some_and(|n| n.part == part))
                .map(|(path, fact)| (path.as_str(), fact))
        })
    }
}

/// Removes what parts below `part` have below a folder, which ends with a slash.
fn remove_below(nodes: &mut BTreeMap<String, Node>, folder: &str, part: usize) {
    let gone: Vec<String> = nodes
        .range(folder.to_owned()..)
        .take_while(|(path, _)| path.starts_with(folder))
        .filter(|(_, node)| node.part < part)
        .map(|(path, _)| path.clone())
        .collect();
    for path in gone {
        nodes.remove(&path);
    }
}

/// The components of a path, the last one first.
fn components(path: &str) -> Vec<String> {
    let all = path
        .rsplit('/')
        .filter(|one| !one.is_empty() && *one != ".");
    all.map(str::to_owned).collect()
}

/// Names for tests: a path with a slash at its end is a folder, `a -> b` a link, `a = b` a hard link.
#[cfg(test)]
pub(crate) fn made_up(parts: &[&[&str]]) -> View {
    let record = |line: &&str| {
        let (path, kind, content) = match (line.split_once(" -> "), line.split_once(" = ")) {
            (Some((path, to)), _) => (path, FileKind::Symlink, to),
            (None, Some((path, to))) => (path, FileKind::Hardlink, to),
            (None, None) if line.ends_with('/') => (*line, FileKind::Dir, ""),
            (None, None) => (*line, FileKind::File, ""),
        };
        FileRecord {
            path: path.trim_end_matches('/').to_owned(),
            kind,
            mode: 0o755,
            uid: 0,
            gid: 0,
            size: 0,
            content: content.to_owned(),
            package: String::new(),
        }
    };
    let mut view = View::new(
        &[],
        parts
            .iter()
            .map(|lines| lines.iter().map(record).collect())
            .collect(),
    );
    view.parts = (0..parts.len()).map(|at| format!("part {at}")).collect();
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_as_the_system_does() {
        let view = made_up(&[&[
            "usr/",
            "usr/lib/",
            "usr/lib/a.so.1",
            "lib -> usr/lib",
            "usr/lib/a.so -> a.so.1",
            "opt/",
            "opt/cuda -> /usr/lib",
            "loop -> loop",
            "usr/bin/",
            "usr/bin/x = usr/lib/a.so.1",
            "up -> opt/cuda/../bin",
        ]]);
        let resolve = |path| view.resolve(path);
        assert_eq!(resolve("/lib/a.so").as_deref(), Some("usr/lib/a.so.1"));
        assert_eq!(
            resolve("opt/cuda/./a.so").as_deref(),
            Some("usr/lib/a.so.1")
        );
        // `..` of where the link leads, not of where it stands.
        assert_eq!(
            resolve("/opt/cuda/../bin/x").as_deref(),
            Some("usr/lib/a.so.1")
        );
        assert_eq!(resolve("/up/x").as_deref(), Some("usr/lib/a.so.1"));
        assert_eq!(resolve("/../../usr").as_deref(), Some("usr"));
        assert_eq!(resolve("/loop"), None);
        assert_eq!(resolve("/usr/lib/a.so/b"), None);
        assert_eq!(resolve("/gone"), None);
    }

    #[test]
    fn upper_parts_take_away() {
        let view = made_up(&[
            &["a/", "a/one", "a/two", "b/", "b/one"],
            &["a/", "a/.wh.one", "b/", "b/.wh..wh..opq", "b/two"],
        ]);
        let left: Vec<&str> = view.iter().map(|(path, _)| path).collect();
        assert_eq!(left, ["a", "a/two", "b", "b/two"]);
        assert_eq!(view.artifact("b/two"), "part 1");
    }
}
