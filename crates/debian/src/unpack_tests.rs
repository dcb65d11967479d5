//! Tests of unpacking as a whole: what lands where, and what is refused.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
};

use tar::EntryType;

use crate::{
    Error, Package,
    testing::{Tar, ar, compressed, deb, package},
    trial::Trial,
    unpack::{Diversions, Rules, unpack_all},
};

#[test]
fn all_kinds_land_with_their_modes() {
    let mut trial = Trial::new();
    let long = format!("./usr/share/{}/{}", "a".repeat(90), "b".repeat(120));
    let data = Tar::default()
        .dir("./", 0o755)
        .dir("./bin/", 0o755)
        .member(EntryType::Regular, "./bin/su", 0o4755, b"su")
        .member(EntryType::Regular, "./etc/secret", 0o440, b"x")
        .owned("./etc/shadow", 0o640, 0, 42)
        .link(EntryType::Link, "./bin/su2", "./bin/su")
        .link(EntryType::Symlink, "./lib/x", "/outside/../y")
        .long(&long, "long")
        .dir("./var/tmp/", 0o1777);
    let package = trial.package("p", "", data);
    let (lists, fixups) = trial.unpack(&[package]).unwrap();
    assert_eq!(
        lists[0][..3],
        [b"/.".to_vec(), b"/bin".to_vec(), b"/bin/su".to_vec()]
    );

    let root = trial.root();
    let about = |path: &str| root.join(path).symlink_metadata().unwrap();
    assert_eq!(trial.read("usr/bin/su"), "su");
    assert_eq!(about("usr/bin/su").ino(), about("usr/bin/su2").ino());
    assert_eq!(about("usr/bin/su").mode() & 0o7777, 0o755);
    assert_eq!(
        fs::read_link(root.join("usr/lib/x")).unwrap(),
        PathBuf::from("/outside/../y")
    );
    assert_eq!(trial.read(long.trim_start_matches("./")), "long");

    let told: Vec<_> = fixups
        .iter()
        .map(|fix| {
            (
                fix.path.to_str().unwrap(),
                fix.owned.mode.unwrap(),
                fix.owned.gid,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("etc/secret", 0o440, 0),
            ("etc/shadow", 0o640, 42),
            ("usr/bin/su", 0o4755, 0),
            ("var/tmp", 0o1777, 0),
        ]
    );
}

#[test]
fn every_compression_reads_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let control = Tar::default().file("./control", "Package: p\nVersion: 1.0\nArchitecture: all\n");
    let control = control.end();
    let data = Tar::default().file("./f", &"text ".repeat(100_000)).end();
    for ending in ["", ".gz", ".xz", ".zst"] {
        let (c, d) = (compressed(ending, &control), compressed(ending, &data));
        let names = (format!("control.tar{ending}"), format!("data.tar{ending}"));
        let bytes = ar(&[
            ("debian-binary", b"2.0\n"),
            ("_extra", b"ignored"),
            (&names.0, &c),
            (&names.1, &d),
        ]);
        let path = folder.path().join("p.deb");
        fs::write(&path, &bytes).unwrap();
        let package = Package::open(&path, &deb("p")).unwrap();
        let mut archive = package.data().unwrap();
        let sizes: Vec<u64> = archive
            .entries()
            .unwrap()
            .map(|e| e.unwrap().size())
            .collect();
        assert_eq!(sizes, [500_000]);
    }
}

#[test]
fn another_package_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let made = package(folder.path(), "p", "", &[], Tar::default());
    let mut other = deb("p");
    other.version = "2.0".to_owned();
    let error = Package::open(made.path(), &other).unwrap_err().to_string();
    assert_eq!(
        error,
        "p 2.0 (p_1.0_all.deb): expected Version 2.0, found 1.0"
    );

    let open = |bytes: &[u8]| {
        let path = folder.path().join("x.deb");
        fs::write(&path, bytes).unwrap();
        Package::open(&path, &deb("x")).unwrap_err().to_string()
    };
    assert!(open(b"not ar").contains("not an ar archive"));
    assert!(open(&ar(&[("debian-binary", b"3.0\n")])).contains("expected format version 2"));
    assert!(open(&ar(&[("debian-binary", b"2.0\n")])).contains("no control.tar member"));
    let swapped = ar(&[
        ("debian-binary", b"2.0\n"),
        ("data.tar", b""),
        ("control.tar", b""),
    ]);
    assert!(open(&swapped).contains("expected control.tar as the next member"));
    let odd = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.rar", b""),
        ("data.tar", b""),
    ]);
    assert!(open(&odd).contains("compression .rar is not supported"));
}

#[test]
fn paths_stay_inside() {
    assert!(Trial::refused(Tar::default().file("../x", "")).contains("leads outside"));
    assert!(Trial::refused(Tar::default().file("./a/../../x", "")).contains("leads outside"));
    assert!(Trial::refused(Tar::default().file("/etc/x", "")).contains("absolute"));
    let up = Tar::default()
        .link(EntryType::Symlink, "./l", "../..")
        .file("./l/x", "");
    assert!(Trial::refused(up).contains("outside the root"));
}

#[test]
fn a_link_to_the_host_leads_into_the_root() {
    let outside = tempfile::tempdir().unwrap();
    let mut trial = Trial::new();
    let target = outside.path().to_str().unwrap().to_owned();
    let data = Tar::default()
        .link(EntryType::Symlink, "./l", &target)
        .file("./l/x", "inside");
    let package = trial.package("p", "", data);
    trial.unpack(&[package]).unwrap();
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    assert_eq!(
        trial.read(&format!("{}/x", target.trim_start_matches('/'))),
        "inside"
    );
}

#[test]
fn a_folder_over_a_link_to_the_host_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().to_str().unwrap();
    let data = Tar::default()
        .link(EntryType::Symlink, "./l", target)
        .dir("./l/", 0o777);
    assert!(Trial::refused(data).contains("a file stands there"));
}

#[test]
fn hard_links_stay_in_the_package() {
    let link = |target: &str| Tar::default().link(EntryType::Link, "./x", target);
    assert!(Trial::refused(link("../../etc/passwd")).contains("leads outside"));
    assert!(Trial::refused(link("/etc/passwd")).contains("absolute"));
    assert!(Trial::refused(link("./later").file("./later", "")).contains("no file before it"));
    let folder = Tar::default()
        .dir("./d/", 0o755)
        .link(EntryType::Link, "./x", "./d");
    assert!(Trial::refused(folder).contains("no file before it"));

    let mut trial = Trial::new();
    let one = trial.package("one", "", Tar::default().file("./secret", "s"));
    let two = trial.package("two", "", link("./secret"));
    assert!(
        trial
            .unpack(&[one, two])
            .unwrap_err()
            .to_string()
            .contains("no file before it")
    );
}

#[test]
fn devices_and_duplicates_are_refused() {
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo] {
        let data = Tar::default().member(kind, "./dev/x", 0o666, b"");
        let told = Trial::refused(data);
        assert!(told.contains("./dev/x: "), "{told}");
    }
    let twice = Tar::default().file("./a", "1").file("./a", "2");
    assert!(Trial::refused(twice).contains("stands twice"));
    let alias = Tar::default().file("./bin/a", "1").file("./usr/bin/a", "2");
    assert!(Trial::refused(alias).contains("stands twice"));
}

#[test]
fn sizes_that_lie_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut data = Tar::default().file("./a", &"x".repeat(5000)).0;
    data.truncate(2000);
    let control = Tar::default().file("./control", "Package: p\nVersion: 1.0\nArchitecture: all\n");
    let bytes = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &control.end()),
        ("data.tar.xz", &compressed(".xz", &data)),
    ]);
    let open = |bytes: &[u8]| {
        let path = folder.path().join("p.deb");
        fs::write(&path, bytes).unwrap();
        Package::open(&path, &deb("p"))
    };
    let mut trial = Trial::new();
    let error = trial
        .unpack(&[open(&bytes).unwrap()])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("declared size is 5000 bytes, found 1488"),
        "{error}"
    );

    // The compressed stream itself cut short: an honest end of the archive, a false one of xz.
    let whole = Tar::default().file("./a", &"xyz".repeat(50_000)).end();
    let mut xz = compressed(".xz", &whole);
    xz.truncate(xz.len() / 2);
    let bytes = ar(&[
        ("debian-binary", b"2.0\n"),
        (
            "control.tar",
            &Tar::default()
                .file("./control", "Package: p\nVersion: 1.0\nArchitecture: all\n")
                .end(),
        ),
        ("data.tar.xz", &xz),
    ]);
    let error = Trial::new().unpack(&[open(&bytes).unwrap()]).unwrap_err();
    assert!(matches!(error, Error::Member { .. }), "{error}");
}

#[test]
fn a_file_of_two_packages_needs_replaces() {
    let conflict = |one: &str, two: &str| {
        let mut trial = Trial::new();
        let one = trial.package("one", one, Tar::default().file("./bin/f", "1"));
        let two = trial.package("two", two, Tar::default().file("./usr/bin/f", "2"));
        trial.unpack(&[one, two]).map(|_| trial.read("usr/bin/f"))
    };
    let error = conflict("", "").unwrap_err().to_string();
    assert!(
        error.contains("one 1.0") && error.contains("two 1.0"),
        "{error}"
    );
    assert!(conflict("", "Replaces: one (<< 1.0)\n").is_err());
    // Whoever is faster: again and again.
    for _ in 0..20 {
        assert_eq!(conflict("", "Replaces: one\n").unwrap(), "2");
        assert_eq!(conflict("Replaces: x, two (<= 1.0)\n", "").unwrap(), "1");
        assert_eq!(conflict("Replaces: two\n", "Replaces: one\n").unwrap(), "2");
    }
}

#[test]
fn what_is_lost_is_taken_out_of_the_list() {
    let mut trial = Trial::new();
    let one = trial.package("one", "", Tar::default().file("./bin/f", "1"));
    trial.unpack(&[one]).unwrap();
    let two = trial.package(
        "two",
        "Replaces: one\n",
        Tar::default().file("./bin/f", "2"),
    );
    let diversions = Diversions::new();
    let rules = Rules {
        diversions: &diversions,
        conffiles_aside: true,
    };
    let root = trial.root();
    trial.claims.start_round(HashSet::new());
    unpack_all(&trial.cx, &[(&two).into()], &root, rules, &mut trial.claims).unwrap();
    let (_, losses) = trial.claims.end_round(&root).unwrap();
    let loss = losses.first().unwrap();
    assert_eq!(
        (loss.database_name.as_str(), loss.path.as_slice()),
        ("one", &b"/bin/f"[..])
    );
}

#[test]
fn a_folders_mode_is_the_first_packages() {
    for _ in 0..10 {
        let mut trial = Trial::new();
        // The second is larger and so starts first.
        let one = trial.package("one", "", Tar::default().dir("./d/", 0o2775));
        let two = Tar::default()
            .dir("./d/", 0o700)
            .file("./big", &"x".repeat(100_000));
        let two = trial.package("two", "", two);
        let (_, fixups) = trial.unpack(&[one, two]).unwrap();
        assert_eq!(fixups.len(), 1);
        assert_eq!(
            (fixups[0].path.to_str(), fixups[0].owned.mode),
            (Some("d"), Some(0o2775))
        );
    }
}

#[test]
fn a_link_and_a_folder_at_one_path_are_refused() {
    for _ in 0..10 {
        let mut trial = Trial::new();
        let one = Tar::default()
            .dir("./other/", 0o755)
            .link(EntryType::Symlink, "./d", "other");
        let one = trial.package("one", "", one);
        let two = trial.package(
            "two",
            "",
            Tar::default().dir("./d/", 0o755).file("./d/f", ""),
        );
        let error = trial.unpack(&[one, two]).unwrap_err();
        assert!(matches!(error, Error::Overwrites { .. }), "{error}");
    }
}

#[test]
fn diverted_files_go_elsewhere() {
    let mut trial = Trial::new();
    let one = trial.package("one", "", Tar::default().file("./bin/f", "1"));
    let two = trial.package("two", "", Tar::default().file("./bin/f", "2"));
    let by_two = (b"/bin/f.one".to_vec(), "two".to_owned());
    let diversions = Diversions::from([(b"/bin/f".to_vec(), by_two)]);
    let (lists, _) = trial.unpack_with(&[one, two], &diversions).unwrap();
    assert_eq!(
        (
            trial.read("bin/f").as_str(),
            trial.read("bin/f.one").as_str()
        ),
        ("2", "1")
    );
    assert_eq!(lists[0], [b"/bin/f".to_vec()]);
}

#[test]
fn conffiles_wait_beside_their_place() {
    let mut trial = Trial::new();
    let data = Tar::default().file("./etc/a", "a").file("./etc/b", "b");
    let members = [("conffiles", "/etc/a\nremove-on-upgrade /etc/c\n")];
    let package = package(trial.folder.path(), "p", "", &members, data);
    assert_eq!(package.conffiles(), ["/etc/a"]);
    trial.unpack(&[package]).unwrap();
    assert_eq!(trial.read("etc/a.dpkg-new"), "a");
    assert_eq!(trial.read("etc/b"), "b");
    assert!(!trial.root().join("etc/a").exists());
    let mode = trial
        .root()
        .join("etc/a.dpkg-new")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o644);
}

#[test]
fn dpkg_deb_sees_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let Ok(version) = std::process::Command::new("dpkg-deb")
        .arg("--version")
        .output()
    else {
        println!("skipped: this machine has no dpkg-deb");
        return;
    };
    assert!(version.status.success());
    let source = folder.path().join("source");
    fs::create_dir_all(source.join("DEBIAN")).unwrap();
    fs::create_dir_all(source.join("usr/share/doc/p")).unwrap();
    let control = "Package: p\nVersion: 1.0\nArchitecture: all\nMaintainer: M <m@example.org>\n\
                   Description: test\n";
    fs::write(source.join("DEBIAN/control"), control).unwrap();
    fs::write(
        source.join("usr/share/doc/p/copyright"),
        "text\n".repeat(1000),
    )
    .unwrap();
    std::os::unix::fs::symlink("copyright", source.join("usr/share/doc/p/link")).unwrap();
    for compression in ["none", "gzip", "xz", "zstd"] {
        let deb_path = folder.path().join(format!("{compression}.deb"));
        let run = |args: &[&std::ffi::OsStr]| {
            let out = std::process::Command::new("dpkg-deb")
                .args(args)
                .output()
                .unwrap();
            assert!(
                out.status.success(),
                "{}",
                String::from_utf8_lossy(&out.stderr)
            );
        };
        let flag = format!("-Z{compression}");
        run(&[
            "--root-owner-group".as_ref(),
            flag.as_ref(),
            "--build".as_ref(),
            source.as_ref(),
            deb_path.as_ref(),
        ]);
        let theirs = folder.path().join(format!("theirs-{compression}"));
        run(&["-x".as_ref(), deb_path.as_ref(), theirs.as_ref()]);
        let mut trial = Trial::new();
        trial
            .unpack(&[Package::open(&deb_path, &deb("p")).unwrap()])
            .unwrap();
        for path in ["usr/share/doc/p/copyright", "usr/share/doc/p"] {
            let (a, b) = (trial.root().join(path), theirs.join(path));
            let mode = |path: &PathBuf| path.metadata().unwrap().mode();
            assert_eq!(mode(&a), mode(&b));
            assert!(a.is_dir() || fs::read(a).unwrap() == fs::read(b).unwrap());
        }
        let link = trial.root().join("usr/share/doc/p/link");
        assert_eq!(fs::read_link(link).unwrap(), PathBuf::from("copyright"));
    }
}
