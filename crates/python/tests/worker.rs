//! The compiling program alone, under the host's Python: what it answers for a module does not
//! depend on what it compiled before. Skipped, and said so, where there is no Python 3.11 or newer.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
};

const PROGRAM: &str = include_str!("../src/worker.py");

type Modules = Vec<(String, Vec<u8>)>;

fn python(program: &str) -> Command {
    let mut command = Command::new("python3");
    command
        .env("PYTHONHASHSEED", "0")
        .args(["-s", "-S", "-P", "-B", "-c", program]);
    command
}

/// Some modules of the host's standard library; `None` without a Python that can.
fn modules() -> Option<Modules> {
    let folder = "import sys, os; print(os.path.dirname(os.__file__)); \
                  sys.exit(sys.version_info < (3, 11))";
    let output = python(folder)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let folder = String::from_utf8(output.stdout).ok()?;
    let mut paths: Vec<_> = std::fs::read_dir(folder.trim())
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "py"))
        .collect();
    paths.sort();
    paths.truncate(120);
    let read = |path: std::path::PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        Some((name, std::fs::read(path).ok()?))
    };
    paths.into_iter().map(read).collect()
}

fn compile<'m>(modules: impl Iterator<Item = &'m (String, Vec<u8>)>) -> BTreeMap<String, Vec<u8>> {
    compile_with(PROGRAM, modules)
}

fn compile_with<'m>(
    program: &str,
    modules: impl Iterator<Item = &'m (String, Vec<u8>)>,
) -> BTreeMap<String, Vec<u8>> {
    let mut child = python(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut compiled = BTreeMap::new();
    for (name, text) in modules {
        writeln!(stdin, "{}\t/lib/{name}", text.len()).unwrap();
        stdin.write_all(text).unwrap();
        stdin.flush().unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let (_, size) = line.trim_end().rsplit_once('\t').unwrap();
        let mut bytes = vec![0; size.parse().unwrap()];
        stdout.read_exact(&mut bytes).unwrap();
        compiled.insert(name.clone(), bytes);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    compiled
}

#[test]
fn bytecode_does_not_depend_on_what_was_compiled_before() {
    let Some(modules) = modules() else {
        println!("skipped: no python3 of version 3.11 or newer");
        return;
    };
    assert!(modules.len() > 50);
    let forward = compile(modules.iter());
    assert_eq!(compile(modules.iter().rev()), forward);
    // One alone, and after itself.
    let (name, _) = &modules[modules.len() / 2];
    let one = modules.iter().filter(|module| module.0 == *name);
    assert_eq!(compile(one.clone().chain(one))[name], forward[name]);
}

/// The qualified name of a class in a function is a constant and a name at once: interned as one
/// object in a process where nothing has that name, as two where something alive has. So no code of an
/// earlier module may be alive.
#[test]
fn equal_names_in_two_modules_are_written_as_if_alone() {
    if modules().is_none() {
        println!("skipped: no python3 of version 3.11 or newer");
        return;
    }
    let text = b"def function():\n    class Inner:\n        pass\n".to_vec();
    let both = [
        ("one.py".to_owned(), text.clone()),
        ("two.py".to_owned(), text),
    ];
    let together = compile(both.iter());
    for module in &both {
        assert_eq!(
            compile([module].into_iter())[&module.0],
            together[&module.0]
        );
    }
}

/// Strings of a set that are interned already change how the set is written, where functions share it.
/// A module in another encoding makes the interpreter import that, and its names stay: those of these
/// sets. The first is found in the source, the second is overlooked.
#[test]
fn sets_are_written_as_if_alone() {
    if modules().is_none() {
        println!("skipped: no python3 of version 3.11 or newer");
        return;
    }
    let encoded = ("encoded.py".to_owned(), b"# coding: iso8859-15\n".to_vec());
    let found = "{'decoding_table', 'two'}";
    let overlooked = "{1000, 'decoding_table'}";
    let same = |program: &str, sets: &str| {
        let text = format!(
            "def f(x):\n    return {sets}\n\n\ndef g(x):\n    class C:\n        pass\n    \
             return {sets}, 1000\n"
        );
        let module = ("sets.py".to_owned(), text.into_bytes());
        let alone = compile_with(program, [&module].into_iter());
        let after = compile_with(program, [&encoded, &module].into_iter());
        alone["sets.py"] == after["sets.py"]
    };
    let [found, overlooked] = [found, overlooked].map(|set| format!("x in {set}"));
    let both = format!("{found} or {overlooked}");
    for sets in [&found, &overlooked, &both] {
        assert!(same(PROGRAM, sets), "{sets}");
    }
    if python("import sys; sys.exit('t' in sys.abiflags)")
        .status()
        .unwrap()
        .success()
    {
        let not_again = PROGRAM.replace("if not names <= known:", "if False:");
        assert!(same(&not_again, &found));
        assert!(!same(&not_again, &overlooked));
        let careless = not_again.replace("if SET.search(source):", "if False:");
        assert!(!same(&careless, &found));
    }
}

/// Wheels are not trusted: what would make a pattern slow is compiled, or not, in no time.
#[test]
fn sources_that_mislead_the_patterns() {
    if modules().is_none() {
        println!("skipped: no python3 of version 3.11 or newer");
        return;
    }
    let hostile = ["#{\n", "{#", "{ ", "{'", "{\"\\\n", "''"].map(|text| {
        let name = format!("{text:?}.py").replace(['\\', '\n', '"'], "_");
        (name, text.repeat(300_000).into_bytes())
    });
    let compiled = compile(hostile.iter());
    assert_eq!(compiled.len(), hostile.len());
}

#[test]
fn unchecked_hashes_and_modules_that_do_not_compile() {
    if modules().is_none() {
        println!("skipped: no python3 of version 3.11 or newer");
        return;
    }
    let modules = [
        ("good.py".to_owned(), b"x = 1\n".to_vec()),
        ("bad.py".to_owned(), b"print 'two'\n".to_vec()),
        ("null.py".to_owned(), b"x = '\0'\n".to_vec()),
    ];
    let compiled = compile(modules.iter());
    assert_eq!(compiled["good.py"][4..8], [1, 0, 0, 0]);
    assert!(compiled["bad.py"].is_empty() && compiled["null.py"].is_empty());
}
