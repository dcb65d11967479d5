//! Texts of an interpreter that name the place and the compiler it was built with: `sysconfig`'s data,
//! Makefile and pkg-config's files. They are made to name its place in the image, and `cc`.

use layer::EntryPath;

/// Keys of `sysconfig`'s data that begin with a program of the build's own.
const PROGRAMS: [&str; 7] = [
    "AR",
    "BLDSHARED",
    "CC",
    "CXX",
    "LDCXXSHARED",
    "LDSHARED",
    "LINKCC",
];

/// From where it was built to be to where it is.
#[derive(Debug, Default)]
pub(super) struct Relocation {
    from: Vec<u8>,
    to: Vec<u8>,
}

/// Whether the file is what `sysconfig` reads of the build.
pub(super) fn is_build_data(path: &EntryPath) -> bool {
    path.file_name().starts_with(b"_sysconfigdata_") && path.file_name().ends_with(b".py")
}

impl Relocation {
    /// To `prefix`, from the one that the build's data has. Without one, nothing is changed.
    pub(super) fn new(build_data: &[u8], prefix: &str) -> Self {
        let text = String::from_utf8_lossy(build_data);
        let from = text
            .lines()
            .find_map(|line| entry(line).filter(|(key, _)| *key == "prefix"));
        let from = from.map_or("", |(_, value)| value);
        let whole = from.starts_with('/') && from.len() > 1;
        Self {
            from: if whole { from.into() } else { Vec::new() },
            to: prefix.into(),
        }
    }

    /// Whether a file may name the build's place.
    pub(super) fn concerns(&self, path: &EntryPath) -> bool {
        let name = path.file_name();
        is_build_data(path)
            || name == b"build-details.json"
            || name == b"Makefile"
            || name.ends_with(b".pc")
            || name.ends_with(b"-config")
    }

    /// The file's text in the image.
    pub(super) fn apply(&self, path: &EntryPath, text: Vec<u8>) -> Vec<u8> {
        let text = self.moved(text);
        if !is_build_data(path) {
            return text;
        }
        match String::from_utf8(text) {
            Ok(text) => text
                .split_inclusive('\n')
                .map(program)
                .collect::<String>()
                .into(),
            Err(error) => error.into_bytes(),
        }
    }

    fn moved(&self, text: Vec<u8>) -> Vec<u8> {
        if self.from.is_empty() || self.from == self.to {
            return text;
        }
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            // `/install` itself, and not in `/out/install` or `/installed`. An option may stand in front
            // of it: `-I/install/include`.
            let begins = !matches!(
                out.last(),
                Some(b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-')
            );
            let ends = !matches!(
                rest.get(self.from.len()),
                Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-')
            );
            if begins && ends && rest.starts_with(&self.from) {
                out.extend_from_slice(&self.to);
                at += self.from.len();
            } else {
                out.push(text[at]);
                at += 1;
            }
        }
        out
    }
}

/// Key and value of a line of the build's data, which is a dict of Python or JSON.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim().split_once(": ")?;
    let bare = |text| -> Option<&str> {
        let quote = ['"', '\'']
            .into_iter()
            .find(|quote| str::starts_with(text, *quote))?;
        text[1..].rfind(quote).map(|end| &text[1..=end])
    };
    Some((bare(key)?, bare(value)?))
}

/// The line with the image's program in place of LLVM's, which the image does not have.
fn program(line: &str) -> String {
    let Some((_, value)) = entry(line).filter(|(key, _)| PROGRAMS.contains(key)) else {
        return line.to_owned();
    };
    let path = value.split(' ').next().unwrap_or(value);
    let ours = match path.rsplit('/').next().unwrap_or(path) {
        "clang" => "cc",
        "clang++" => "c++",
        "llvm-ar" => "ar",
        _ => return line.to_owned(),
    };
    // No key has a lower-case letter, so this is the value.
    line.replacen(path, ours, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> EntryPath {
        EntryPath::new(format!("usr/local/{name}")).unwrap()
    }

    const DATA: &str = "_sysconfigdata__linux_x86_64-linux-gnu.py";

    #[test]
    fn prefix_and_compiler_are_the_images() {
        for quote in ["\"", "'"] {
            let text = "build_time_vars = {\n    \"AR\": \"/tools/llvm/bin/llvm-ar\",\n\
                \x20   \"CC\": \"clang -pthread\",\n    \"CXX\": \"clang++ -pthread\",\n\
                \x20   \"CLANG\": \"clang\",\n    \"LDSHARED\": \"/usr/bin/gcc -shared\",\n\
                \x20   \"INCLUDEPY\": \"/install/include/python3.14\",\n\
                \x20   \"LDFLAGS\": \"-L/install/lib -Wl,-rpath,/install\",\n\
                \x20   \"OTHER\": \"/installed /out/install /install-only\",\n\
                \x20   \"prefix\": \"/install\"\n}"
                .replace('"', quote);
            let want = text
                .replace("/tools/llvm/bin/llvm-ar", "ar")
                .replace("clang -pthread", "cc -pthread")
                .replace("clang++", "c++")
                .replace("/install/", "/usr/local/")
                .replace("rpath,/install", "rpath,/usr/local")
                .replace(
                    &format!("{quote}/install{quote}"),
                    &format!("{quote}/usr/local{quote}"),
                );
            let relocation = Relocation::new(text.as_bytes(), "/usr/local");
            let found = relocation.apply(&path(DATA), text.into_bytes());
            assert_eq!(String::from_utf8(found).unwrap(), want);
        }
    }

    #[test]
    fn other_texts_are_moved_and_nothing_else() {
        let relocation = Relocation::new(b"    \"prefix\": \"/install\"\n", "/usr/local");
        let text = b"prefix=/install\nCC=clang\n".to_vec();
        let file = path("lib/pkgconfig/python-3.14.pc");
        assert!(relocation.concerns(&file) && !relocation.concerns(&path("lib/os.py")));
        assert_eq!(
            relocation.apply(&file, text),
            b"prefix=/usr/local\nCC=clang\n"
        );
        let none = Relocation::new(b"nothing of the kind", "/usr/local");
        assert_eq!(none.apply(&path("a.pc"), b"/install".to_vec()), b"/install");
    }
}
