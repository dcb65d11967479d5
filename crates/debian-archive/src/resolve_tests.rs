//! Closures from small made-up indexes.

use std::collections::BTreeMap;

use crate::{
    Conflict, Error, Packages, Request, Resolution,
    packages::Id,
    resolve::{asked, is_sound, resolve},
    solver,
};

/// An index: one stanza in a line, `name version`, then fields, with semicolons between.
fn index(text: &str) -> Packages {
    let mut stanzas = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut fields = line.split(';').map(str::trim);
        let (name, version) = fields.next().unwrap().split_once(' ').unwrap();
        let digest = "ab".repeat(32);
        stanzas += &format!(
            "Package: {name}\nVersion: {version}\nArchitecture: amd64\n\
             Filename: pool/{name}_{version}.deb\nSize: 1\nSHA256: {digest}\n"
        );
        for field in fields {
            stanzas += &format!("{field}\n");
        }
        stanzas += "\n";
    }
    let mut packages = Packages::new("amd64");
    packages.read("Packages", stanzas.as_bytes()).unwrap();
    packages
}

fn names(resolution: &Resolution) -> String {
    let names: Vec<&str> = resolution.packages.keys().map(String::as_str).collect();
    names.join(" ")
}

fn closure(packages: &Packages, wanted: &str) -> String {
    let request = Request::new(wanted.split(", ")).unwrap();
    let found = names(&resolve(packages, &request).unwrap());
    // The solver alone must find something sound too.
    let groups = asked(packages, &request).unwrap();
    let solved = solver::solve(packages, &request, &groups, &Default::default()).unwrap();
    assert!(is_sound(packages, &groups, &solved), "{wanted}: {solved:?}");
    found
}

fn conflict(packages: &Packages, request: &Request) -> Conflict {
    match resolve(packages, request) {
        Err(Error::Conflict(conflict)) => conflict,
        other => panic!("expected a conflict, found {other:?}"),
    }
}

#[test]
fn dependencies_of_both_kinds() {
    let packages = index(
        "a 1; Depends: b (>= 2), c\n b 2; Pre-Depends: d\n c 1; Depends: a\n d 1; Recommends: e\n e 1",
    );
    let request = Request::new(["a"]).unwrap();
    let found = resolve(&packages, &request).unwrap();
    assert_eq!(names(&found), "a b c d");
    assert_eq!(found.packages["a"].depends, ["b", "c"]);
    assert_eq!(found.packages["b"].pre_depends, ["d"]);
    assert_eq!(found.packages["d"].filename, "pool/d_1.deb");
    let recommends = Request {
        recommends: true,
        ..request
    };
    assert_eq!(
        names(&resolve(&packages, &recommends).unwrap()),
        "a b c d e"
    );
}

#[test]
fn the_first_alternative_unless_another_is_there() {
    let packages =
        index("a 1; Depends: x | y\n b 1; Depends: y\n x 1\n y 1\n c 1; Depends: gone | y");
    assert_eq!(closure(&packages, "a"), "a x");
    assert_eq!(closure(&packages, "c"), "c y");
    assert_eq!(closure(&packages, "a, y"), "a y");
    assert_eq!(closure(&packages, "b, a"), "a b y");
    // When a's turn comes, y is not there yet.
    assert_eq!(closure(&packages, "a, b"), "a b x y");
    assert_eq!(closure(&packages, "gone | x"), "x");
}

#[test]
fn an_alternative_that_cannot_be_had() {
    let packages = index("a 1; Depends: x | y\n x 1; Depends: gone\n y 1");
    assert_eq!(closure(&packages, "a"), "a y");
    // What x had drawn along before it failed is left out again.
    let packages = index("a 1; Depends: x | y\n x 1; Depends: z, gone\n y 1\n z 1");
    assert_eq!(closure(&packages, "a"), "a y");
}

#[test]
fn virtual_packages() {
    // Real before provider; then by priority; then whichever is named later.
    let packages = index(
        "a 1; Depends: v\n p 1; Provides: v\n q 1; Provides: v\n\
         b 1; Depends: w\n w 1\n r 1; Provides: w",
    );
    assert_eq!(closure(&packages, "a"), "a q");
    assert_eq!(closure(&packages, "b"), "b w");
    assert_eq!(closure(&packages, "a, p"), "a p");
    assert_eq!(closure(&packages, "v"), "q");
    let packages = index(
        "a 1; Depends: v\n p 1; Provides: v; Priority: standard\n q 1; Provides: v; Priority: optional",
    );
    assert_eq!(closure(&packages, "a"), "a p");
}

#[test]
fn provides_with_versions() {
    let packages = index(
        "a 1; Depends: v (>= 2)\n p 1; Provides: v (= 1)\n q 1; Provides: v (= 2)\n r 1; Provides: v",
    );
    assert_eq!(closure(&packages, "a"), "a q");
    let error = conflict(&packages, &Request::new(["v (>= 3)"]).unwrap());
    assert_eq!(error.requests, [0]);
}

#[test]
fn any_architecture() {
    let packages = index(
        "a 1; Depends: py:any (>= 3)\n py 3; Multi-Arch: allowed\n b 1; Depends: q:any | r\n q 1\n\
         r 1\n c 1; Depends: q:native, r:amd64 | gone, r:i386 | q",
    );
    assert_eq!(closure(&packages, "a"), "a py");
    // q does not say that it may serve another architecture.
    assert_eq!(closure(&packages, "b"), "b r");
    assert_eq!(closure(&packages, "c"), "c q r");
    assert_eq!(closure(&packages, "py:any"), "py");
    assert_eq!(closure(&packages, "py:amd64"), "py");
}

#[test]
fn essential_packages() {
    let packages = index("base 1; Essential: yes; Depends: libc\n libc 1\n a 1; Depends: libc");
    let request = Request::new(["a"]).unwrap();
    let found = resolve(&packages, &request).unwrap();
    assert_eq!(names(&found), "a base libc");
    assert!(found.packages["base"].essential && found.packages["libc"].base);
    assert!(!found.packages["a"].base);
    let without = Request {
        essential: false,
        ..request
    };
    assert_eq!(names(&resolve(&packages, &without).unwrap()), "a libc");
}

#[test]
fn the_highest_version_that_is_asked_for() {
    let packages = index(
        "a 1\n a 10\n a 9\n b 1; Depends: a (<< 10)\n b 2; Depends: a (= 1)\n c 1; Depends: a",
    );
    let version = |wanted: &[&str]| {
        let request = Request::new(wanted).unwrap();
        resolve(&packages, &request).unwrap().packages["a"]
            .version
            .clone()
    };
    assert_eq!(version(&["a"]), "10");
    assert_eq!(version(&["a=9"]), "9");
    assert_eq!(version(&["a (<< 9)"]), "1");
    assert_eq!(version(&["c"]), "10");
    // Only the solver finds these.
    assert_eq!(version(&["b", "c"]), "1");
    assert_eq!(version(&["b=1", "c"]), "9");
}

#[test]
fn conflicts_and_breaks() {
    let packages = index(
        "a 1; Depends: x | y\n x 1; Conflicts: z\n y 1\n z 1\n old 1; Breaks: new (<< 2)\n new 1\n\
         new 2\n v1 1; Provides: v; Conflicts: v\n v2 1; Provides: v; Conflicts: v",
    );
    assert_eq!(closure(&packages, "z, a"), "a y z");
    assert_eq!(closure(&packages, "a, z"), "a y z");
    assert_eq!(closure(&packages, "old, new"), "new old");
    // One that conflicts with what it provides itself is the only one, and no more.
    assert_eq!(closure(&packages, "v1"), "v1");
    let error = conflict(&packages, &Request::new(["z", "v1", "v2"]).unwrap());
    assert_eq!(error.requests, [1, 2]);
    assert!(
        error
            .explanation
            .contains("v1 in no version that provides v")
            || error
                .explanation
                .contains("v2 in no version that provides v"),
        "{error}"
    );
    let error = conflict(&packages, &Request::new(["old", "new=1"]).unwrap());
    assert!(error.explanation.contains("other than (<< 2)"), "{error}");
}

#[test]
fn the_impossible_is_explained() {
    let packages = index("a 1; Depends: b (>= 2)\n b 1\n c 1; Depends: nothing\n d 1");
    let error = conflict(&packages, &Request::new(["d", "a", "c"]).unwrap());
    assert!(
        !error.requests.is_empty() && !error.requests.contains(&0),
        "{error}"
    );
    assert!(
        error.explanation.contains("b (>= 2)") || error.explanation.contains("nothing"),
        "{error}"
    );
    let error = conflict(&packages, &Request::new(["e", "d", "b (>= 7)"]).unwrap());
    assert_eq!(error.requests, [0, 2]);
    assert!(
        error
            .explanation
            .contains("e: the archive has no such package"),
        "{error}"
    );
    assert!(
        error
            .explanation
            .contains("b (>= 7): the archive has only b 1"),
        "{error}"
    );
    let excluding = Request {
        exclude: ["b".to_owned()].into(),
        ..Request::new(["b", "d"]).unwrap()
    };
    let error = conflict(&packages, &excluding);
    assert!(
        error.explanation.contains("b: the request excludes it"),
        "{error}"
    );
    let deeper = Request {
        exclude: ["nothing".to_owned(), "d".to_owned()].into(),
        ..Request::new(["f"]).unwrap()
    };
    let error = conflict(&index("f 1; Depends: d\n d 1"), &deeper);
    assert!(error.explanation.contains("excludes"), "{error}");
    assert_eq!(error.requests, [0]);
}

#[test]
fn exclusion_turns_to_another() {
    let packages = index("a 1; Depends: x | y\n x 1\n y 1");
    let request = Request {
        exclude: ["x".to_owned()].into(),
        ..Request::new(["a"]).unwrap()
    };
    assert_eq!(names(&resolve(&packages, &request).unwrap()), "a y");
}

#[test]
fn a_lock_keeps_what_still_fits() {
    let packages = index(
        "a 1; Depends: x | y, v, m\n x 1\n y 1\n p 1; Provides: v\n q 1; Provides: v\n m 1\n m 2\n\
         strict 1; Depends: m (>= 2)",
    );
    let keep = |kept: &[(&str, &str)], wanted: &[&str]| {
        let kept = kept
            .iter()
            .map(|(name, version)| (name.to_string(), version.to_string()));
        let request = Request {
            keep: kept.collect(),
            ..Request::new(wanted).unwrap()
        };
        let found = resolve(&packages, &request).unwrap();
        let m = found.packages["m"].version.clone();
        (names(&found), m)
    };
    assert_eq!(keep(&[], &["a"]), ("a m q x".into(), "2".into()));
    let all = [("y", "1"), ("p", "1"), ("m", "1")];
    assert_eq!(keep(&all, &["a"]), ("a m p y".into(), "1".into()));
    // Not what does not fit any more, nor what the archive does not have any more.
    assert_eq!(keep(&all, &["strict"]), ("m strict".into(), "2".into()));
    assert_eq!(keep(&all, &["a", "m (>> 1)"]).1, "2");
    assert_eq!(keep(&[("m", "0")], &["a"]).1, "2");
}

#[test]
fn layers() {
    let packages = index(
        "base 1; Essential: yes; Depends: libc\n libc 1\n py 1; Depends: libc, ssl\n ssl 1\n\
         app 1; Depends: py, gui\n gui 1; Depends: ssl",
    );
    let request = Request::new(["app", "gui", "py"]).unwrap();
    let found = resolve(&packages, &request).unwrap();
    assert_eq!(found.packages["ssl"].requests, [0, 1, 2].into());
    let layers = found.layers(&[5, 3, 1]);
    let expected = [
        ("app", 5),
        ("base", 0),
        ("gui", 3),
        ("libc", 0),
        ("py", 1),
        ("ssl", 1),
    ];
    assert_eq!(layers, BTreeMap::from(expected));
}

#[test]
fn the_same_again() {
    // Hash maps are seeded anew in each process and map: what they reach would show.
    let mut text = String::new();
    for n in 0..60 {
        text += &format!(
            "p{n} 1; Depends: v{} | p{}; Provides: v{}\n",
            n % 7,
            (n * 7) % 60,
            n % 5
        );
        text += &format!("c{n} 1; Depends: p{n}; Conflicts: c{}\n", (n + 1) % 60);
    }
    let packages = index(&text);
    let once = |wanted: &[&str]| {
        let found = resolve(&packages, &Request::new(wanted).unwrap());
        found.map_err(|error| error.to_string())
    };
    let (good, bad) = (once(&["c3", "c9 | c10", "v4"]), once(&["c3", "c4", "c9"]));
    assert!(good.is_ok() && bad.is_err());
    for _ in 0..20 {
        assert_eq!(once(&["c3", "c9 | c10", "v4"]), good);
        assert_eq!(once(&["c3", "c4", "c9"]), bad);
    }
}

#[test]
fn an_index_that_is_none() {
    let stanza = |text: &str| Packages::new("amd64").read("the index", text.as_bytes());
    let good = format!(
        "Package: a\nVersion: 1\nArchitecture: all\nFilename: f\nSize: 1\nSHA256: {}\nDepends: b\n",
        "ab".repeat(32)
    );
    assert!(stanza(&good).is_ok());
    for (from, to, told) in [
        ("Version: 1\n", "", "no Version"),
        ("Size: 1", "Size: -1", "Size"),
        ("abab", "xyxy", "SHA256"),
        ("Depends: b", "Depends: b (1)", "\"b (1)\""),
        ("Depends: b", "Provides: b (>= 1)", "expected ="),
        ("Package: a", "no colon", "the index"),
    ] {
        let error = stanza(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(
            error.contains(told) && error.contains("the index"),
            "{error}"
        );
    }
    let mut packages = Packages::new("arm64");
    packages
        .read("i", good.replace("all", "amd64").as_bytes())
        .unwrap();
    assert!(packages.is_empty());
    assert_eq!(packages.ids().collect::<Vec<Id>>(), []);
}

#[test]
fn a_newer_version_is_one_by_debians_order() {
    let packages = index("a 1.9-1\n a 1.10-1\n a 1.10~rc1-1");
    assert_eq!(packages.newer("a", "1.9-1"), Some("1.10-1"));
    assert_eq!(packages.newer("a", "1.10-1"), None);
    assert_eq!(packages.newer("a", "1:0.1-1"), None);
    assert_eq!(packages.newer("b", "1"), None);
}
