//! Images of made-up layers: every fault is planted and found, and the same image without them has
//! none. Programs and libraries are made by the machine's C compiler. Nothing of the image is run; that
//! is `xtask/tests/whole/check.rs`'s.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

use std::{collections::BTreeSet, fs, path::Path, process::Command, sync::Arc};

use assembler::{Image, Meta};
use layer::{ConfigPatch, Context, Entry, EntryPath, Layer, LayerBlob, Plan, Tree};
use lock::Lock;
use store::{Fetcher, KeyBuilder, Places, Silent, Store};
use strata_check::{Class, Report, Severity, check};

/// A file of a layer: path, content, executable.
type Files = Vec<(String, Vec<u8>, bool)>;

struct MadeUp {
    name: &'static str,
    files: Files,
}

impl Layer for MadeUp {
    fn name(&self) -> &str {
        self.name
    }

    fn build(&self, cx: &Context) -> layer::Result<LayerBlob> {
        let mut key = KeyBuilder::new("made up");
        for (path, bytes, _) in &self.files {
            key.field("path", path).field("bytes", bytes);
        }
        let files = self.files.clone();
        let plan = Plan::new(self.name, key.finish(), 1, move |_| {
            let mut tree = Tree::new();
            for (path, bytes, executable) in files {
                let path = EntryPath::new(path).unwrap();
                tree.insert(Entry::file(path, Arc::new(bytes), executable))?;
            }
            Ok(tree)
        });
        LayerBlob::build(
            cx,
            self.name,
            vec![plan],
            ConfigPatch::default(),
            Vec::new(),
        )
    }
}

/// Runs the C compiler in a folder.
fn cc(folder: &Path, arguments: &[&str]) {
    let flags = ["-nostdlib", "-nostartfiles", "-fPIC"];
    let mut cc = Command::new("cc");
    let done = cc.args(flags).args(arguments).current_dir(folder).status();
    assert!(done.unwrap().success(), "cc {arguments:?}");
}

/// A fat binary with a cubin for one architecture.
fn fatbin(architecture: u32) -> Vec<u8> {
    let mut entry = vec![0; 64];
    entry[0] = 2;
    entry[4] = 64;
    entry[8] = 16;
    entry[28..32].copy_from_slice(&architecture.to_le_bytes());
    entry[40..48].copy_from_slice(&0x8011_u64.to_le_bytes());
    entry.extend([7; 16]);
    let mut module = 0xBA55_ED50_u32.to_le_bytes().to_vec();
    module.extend([1, 0, 16, 0]);
    module.extend((entry.len() as u64).to_le_bytes());
    module.extend(entry);
    module
}

/// The programs and libraries, in a folder: `tool` needs `libgood.so.1`, beside it in `../lib/own`;
/// that one needs `libabsent.so.1` if it is `faulty`. `libgpu.so` is too large to be read into memory.
fn programs(folder: &Path, faulty: bool) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write("absent.c", "int absent(void) { return 1; }\n");
    write("good.c", "int good(void) { return 2; }\n");
    write(
        "tool.c",
        "int good(void); void start(void) { for (;;) good(); }\n",
    );
    write(
        "gpu.s",
        ".section .nv_fatbin,\"a\"\n.balign 8\n.incbin \"one.fatbin\"\n.data\n.balign 8\n.space 17825792, 1\n\
         .incbin \"two.fatbin\"\n.section .note.GNU-stack,\"\",@progbits\n",
    );
    fs::write(folder.join("one.fatbin"), fatbin(86)).unwrap();
    let second = if faulty { 90 } else { 120 };
    fs::write(folder.join("two.fatbin"), fatbin(second)).unwrap();
    cc(
        folder,
        &[
            "-shared",
            "-Wl,-soname,libabsent.so.1",
            "-o",
            "libabsent.so",
            "absent.c",
        ],
    );
    let mut good = vec![
        "-shared",
        "-Wl,-soname,libgood.so.1",
        "-o",
        "libgood.so",
        "good.c",
    ];
    if faulty {
        good.extend(["-Wl,--no-as-needed", "-L.", "-labsent"]);
    }
    cc(folder, &good);
    cc(
        folder,
        &[
            "-Wl,-e,start",
            "-Wl,-rpath,$ORIGIN/../lib/own",
            "-Wl,--allow-shlib-undefined",
            "-o",
            "tool",
            "tool.c",
            "-L.",
            "-lgood",
        ],
    );
    cc(folder, &["-shared", "-o", "libgpu.so", "gpu.s"]);
}

fn layers(folder: &Path, faulty: bool) -> Vec<Box<dyn Layer>> {
    programs(folder, faulty);
    let lock = Lock::starter().unwrap();
    let site = lock.python.purelib.trim_start_matches('/').to_owned();
    let either = |fine: &'static str, fault: &'static str| if faulty { fault } else { fine };
    let made = |name: &str| fs::read(folder.join(name)).unwrap();
    let text = |path: String, text: &str| (path, text.as_bytes().to_vec(), false);
    let runs = |path: &str, bytes: Vec<u8>| (path.to_owned(), bytes, true);
    let low: Files = vec![
        runs(
            "lib64/ld-linux-x86-64.so.2",
            b"stands for the loader".to_vec(),
        ),
        runs("usr/bin/env", b"stands for env".to_vec()),
        runs("usr/bin/python3", b"stands for python".to_vec()),
        runs("usr/bin/tool", made("tool")),
        runs("usr/lib/own/libgood.so.1", made("libgood.so")),
        runs("usr/lib/own/libgpu.so", made("libgpu.so")),
        runs(
            "usr/bin/script",
            format!("#!/usr/bin/env {}\n", either("python3", "csh")).into_bytes(),
        ),
        text("usr/share/both".to_owned(), "the same"),
    ];
    let high: Files = vec![
        text("usr/share/both".to_owned(), either("the same", "other")),
        text(
            "opt/comfyui/requirements.txt".to_owned(),
            either("alpha>=1\n", "alpha>=1\nabsent-package\nalpha>=9\n"),
        ),
        text(
            "opt/comfyui-nodes/node.disabled/requirements.txt".to_owned(),
            either("alpha\n", "also-absent\n"),
        ),
        text(
            format!("{site}/alpha-1.0.dist-info/METADATA"),
            "Name: alpha\nVersion: 1.0\nRequires-Dist: beta>=2\n\nRequires-Dist: prose\n",
        ),
        text(
            format!("{site}/beta-2.0.dist-info/METADATA"),
            either("Name: beta\nVersion: 2.0\n", "Name: beta\nVersion: 0.5\n"),
        ),
        text(
            format!("{site}/alpha-1.0.dist-info/RECORD"),
            "alpha/x.py,sha256=a,1\n",
        ),
        text(
            format!("{site}/beta-2.0.dist-info/RECORD"),
            either("beta/x.py,sha256=a,1\n", "alpha/x.py,sha256=b,1\n"),
        ),
    ];
    vec![
        Box::new(MadeUp {
            name: "low",
            files: low,
        }),
        Box::new(MadeUp {
            name: "high",
            files: high,
        }),
    ]
}

/// An image of the layers, without what the assembler would look at.
fn image(cx: &Context, folder: &Path, faulty: bool) -> Image {
    let blobs = layers(folder, faulty)
        .iter()
        .map(|layer| layer.build(cx))
        .collect::<Result<_, _>>();
    Image::new(
        Meta::from_lock(&Lock::starter().unwrap()).unwrap(),
        blobs.unwrap(),
    )
    .unwrap()
}

fn context(folder: &Path) -> Context {
    let fetcher = Fetcher::new(Places::none(), Arc::new(Silent), true);
    Context::new(Store::open(folder.join("store")).unwrap(), fetcher).unwrap()
}

fn looked(cx: &Context, image: &Image) -> Report {
    check(cx, &Lock::starter().unwrap(), image, false).unwrap()
}

#[test]
fn every_planted_fault_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let cx = context(folder.path());
    let image = image(&cx, folder.path(), true);
    let report = looked(&cx, &image);
    let found: BTreeSet<(Class, Severity, &str)> = report
        .findings
        .iter()
        .map(|one| (one.class, one.severity, one.artifact.as_str()))
        .collect();
    use {Class::*, Severity::*};
    let all = [
        (Requirements, Error, "ComfyUI"),
        (Requirements, Error, "alpha 1.0"),
        (Requirements, Note, "node.disabled"),
        (Owners, Error, "alpha"),
        (Owners, Error, "part \"high\""),
        (Libraries, Error, "low"),
        (Gpu, Note, "low"),
        (Gpu, Warning, "low"),
        (Interpreters, Error, "low"),
    ];
    let missing = all.iter().filter(|one| !found.contains(one));
    assert_eq!(missing.count(), 0, "{:#?}", report.findings);
    assert_eq!(found.len(), all.len(), "{:#?}", report.findings);
    let told = |words: &str| report.findings.iter().any(|one| one.what.contains(words));
    for words in [
        "requirements.txt:2: `absent-package` is not installed",
        "requirements.txt:3: `alpha>=9`: alpha 1.0 is installed",
        "requires `beta>=2`; beta 0.5 is installed",
        "/usr/share/both hides what part \"low\" has there",
        "libabsent.so.1 is not in the image; libgood.so.1 cannot be loaded",
        "RTX 50xx (sm_120) has no code",
        "/usr/bin/script wants csh (through env)",
    ] {
        assert!(told(words), "{words}: {:#?}", report.findings);
    }

    // A second check reads no blob: there is none any more.
    for part in image.parts() {
        fs::remove_file(&part.path).unwrap();
    }
    assert_eq!(looked(&cx, &image).findings, report.findings);
}

#[test]
fn without_the_faults_there_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cx = context(folder.path());
    let report = looked(&cx, &image(&cx, folder.path(), false));
    // RTX 20xx are older than the oldest code, in both images.
    let worse = report
        .findings
        .iter()
        .filter(|one| one.severity != Severity::Note);
    assert_eq!(worse.count(), 0, "{:#?}", report.findings);
    assert_eq!(report.findings.len(), 1, "{:#?}", report.findings);
    assert_eq!(report.gpu[0].code, ["sm_86", "sm_120"]);
    assert_eq!((report.looked_at.elf, report.looked_at.scripts), (3, 1));
    assert_eq!(
        (
            report.looked_at.distributions,
            report.looked_at.requirements
        ),
        (2, 3)
    );
}

#[test]
fn a_damaged_blob_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let cx = context(folder.path());
    let image = image(&cx, folder.path(), false);
    let blob = &image.parts().next().unwrap().path;
    let bytes = fs::read(blob).unwrap();
    fs::remove_file(blob).unwrap();
    fs::write(blob, &bytes[..bytes.len() / 2]).unwrap();
    let error = check(&cx, &Lock::starter().unwrap(), &image, false).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the part \"low\" cannot be read"),
        "{error}"
    );
}
