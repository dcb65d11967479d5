//! The store's folder: blobs, records, locks, scratch folders, and what a killed process leaves.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use lock::Sha256;
use strata_layer_store::{Error, Key, KeyBuilder, Store};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    (folder, store)
}

fn key(text: &str) -> Key {
    KeyBuilder::new("test").field("text", text).finish()
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_store_of_another_format_is_refused() {
    let (_folder, store) = store();
    for found in ["2", "", "nonsense"] {
        fs::write(store.root().join("version"), found).unwrap();
        let error = Store::open(store.root()).unwrap_err();
        assert!(matches!(&error, Error::Version { found: f, known: 1, .. } if f == found));
        assert!(error.to_string().contains("STRATA_STORE"), "{error}");
    }
    fs::write(store.root().join("version"), "1\n").unwrap();
    Store::open(store.root()).unwrap();
}

#[test]
fn blobs_appear_whole_or_not_at_all() {
    let (_folder, store) = store();
    let digest = Sha256([7; 32]);
    let mut dropped = store.blob_writer().unwrap();
    dropped.write_all(b"half").unwrap();
    drop(dropped);
    assert!(!store.has_blob(&digest, 4));
    assert_eq!(count(&store.root().join("tmp")), 0);

    for _ in 0..2 {
        let mut writer = store.blob_writer().unwrap();
        writer.write_all(b"whole").unwrap();
        assert_eq!(count(&store.root().join("tmp")), 1);
        let path = writer.commit(&digest).unwrap();
        assert_eq!(path, store.blob_path(&digest));
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }
    assert!(store.has_blob(&digest, 5));
    assert!(
        !store.has_blob(&digest, 4),
        "a blob of another size is not the blob"
    );
    assert_eq!(count(&store.root().join("tmp")), 0);
}

#[test]
fn files_by_key() {
    let (_folder, store) = store();
    assert!(!store.has_file("index", &key("a")));
    let mut writer = store.file_writer("index", &key("a")).unwrap();
    writer.write_all(b"x").unwrap();
    assert!(!store.has_file("index", &key("a")));
    let path = writer.commit().unwrap();
    assert!(store.has_file("index", &key("a")));
    assert!(!store.has_file("pack", &key("a")));
    assert_eq!(path, store.file_path("index", &key("a")));
}

#[test]
fn a_damaged_record_counts_as_absent() {
    let (_folder, store) = store();
    let value = ("text".to_owned(), vec![1u64, 2, 3]);
    assert_eq!(
        store.result::<(String, Vec<u64>)>("r", &key("a")).unwrap(),
        None
    );
    store.put_result("r", &key("a"), &value).unwrap();
    assert_eq!(store.result("r", &key("a")).unwrap(), Some(value.clone()));
    assert_eq!(
        store
            .result::<(String, Vec<u64>)>("other", &key("a"))
            .unwrap(),
        None
    );

    let path = store.root().join(format!("results/r/{}.json", key("a")));
    let whole = fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() - 1], b"", b"{\"other\": 1}", b"\0\xff"] {
        fs::write(&path, damaged).unwrap();
        assert_eq!(
            store.result::<(String, Vec<u64>)>("r", &key("a")).unwrap(),
            None
        );
    }
    store.put_result("r", &key("a"), &value).unwrap();
    assert_eq!(store.result("r", &key("a")).unwrap(), Some(value));
}

#[test]
fn records_are_never_seen_half() {
    let (_folder, store) = store();
    store.put_result("r", &key("a"), &vec![0u64; 2000]).unwrap();
    thread::scope(|scope| {
        for writer in 0..4u64 {
            let store = &store;
            scope.spawn(move || {
                for _ in 0..50 {
                    store
                        .put_result("r", &key("a"), &vec![writer; 2000])
                        .unwrap();
                }
            });
        }
        for _ in 0..200 {
            let seen: Vec<u64> = store.result("r", &key("a")).unwrap().unwrap();
            assert!(seen.len() == 2000 && seen.iter().all(|n| *n == seen[0]));
        }
    });
    assert_eq!(count(&store.root().join("tmp")), 0);
}

#[test]
fn locks_exclude_threads_and_other_openings() {
    let (_folder, store) = store();
    let other = Store::open(store.root()).unwrap();
    let inside = AtomicUsize::new(0);
    let total = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..8 {
            let store = if number % 2 == 0 { &store } else { &other };
            let (inside, total) = (&inside, &total);
            scope.spawn(move || {
                for _ in 0..20 {
                    let _held = store.lock("k", &key("a")).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    total.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(total.into_inner(), 160);
    // Other keys and other kinds do not wait.
    let _a = store.lock("k", &key("a")).unwrap();
    let _b = store.lock("k", &key("b")).unwrap();
    let _c = store.lock("l", &key("a")).unwrap();
}

#[test]
fn scratch_goes_even_when_its_folders_are_read_only() {
    let (_folder, store) = store();
    let scratch = store.scratch("root fs").unwrap();
    let path = scratch.path().to_owned();
    fs::create_dir_all(path.join("a/b")).unwrap();
    fs::write(path.join("a/b/file"), "x").unwrap();
    std::os::unix::fs::symlink("/", path.join("a/link")).unwrap();
    fs::set_permissions(path.join("a/b"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(path.join("a"), fs::Permissions::from_mode(0o555)).unwrap();
    // A living owner's folder survives an opening, of this process or another.
    Store::open(store.root()).unwrap();
    assert!(path.exists());
    drop(scratch);
    assert!(!path.exists());
}

#[test]
fn scratch_hands_on_no_group() {
    let (_folder, store) = store();
    let tmp = store.root().join("tmp");
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o2755)).unwrap();
    let scratch = store.scratch("t").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&tmp), 0o2755);
    assert_eq!(mode(scratch.path()), 0o755);
    fs::create_dir(scratch.path().join("a")).unwrap();
    assert_eq!(mode(&scratch.path().join("a")) & 0o2000, 0);
}

#[test]
fn trees_are_put_in_place_whole() {
    let (_folder, store) = store();
    assert_eq!(store.tree("root", &key("a")), None);
    let first = store.scratch("t").unwrap();
    fs::write(first.path().join("file"), "first").unwrap();
    let second = store.scratch("t").unwrap();
    fs::write(second.path().join("file"), "second").unwrap();
    let path = store.commit_tree("root", &key("a"), first).unwrap();
    // The first one stays.
    assert_eq!(store.commit_tree("root", &key("a"), second).unwrap(), path);
    assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "first");
    assert_eq!(store.tree("root", &key("a")), Some(path));
    assert_eq!(count(&store.root().join("tmp")), 0);
}

#[test]
fn space_that_is_not_there_is_named() {
    let (_folder, store) = store();
    assert!(store.free_space().unwrap() > 0);
    store.require_space(1, "a test").unwrap();
    let error = store
        .require_space(u64::MAX, "a test")
        .unwrap_err()
        .to_string();
    for part in [
        "a test",
        "18446744073709551615",
        "STRATA_STORE",
        &store.root().display().to_string(),
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn many_open_one_store_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let barrier = Arc::new(Barrier::new(8));
    thread::scope(|scope| {
        for _ in 0..8 {
            let (barrier, root) = (barrier.clone(), folder.path().join("s"));
            scope.spawn(move || {
                barrier.wait();
                for n in 0..20 {
                    let store = Store::open(&root).unwrap();
                    let scratch = store.scratch("t").unwrap();
                    fs::write(scratch.path().join("f"), n.to_string()).unwrap();
                    store.put_result("r", &key("a"), &n).unwrap();
                    assert_eq!(
                        fs::read_to_string(scratch.path().join("f")).unwrap(),
                        n.to_string()
                    );
                }
            });
        }
    });
}

/// Not a test of its own: what the next test starts and kills.
#[test]
fn child_that_holds_scratch() {
    let Some(root) = std::env::var_os("STRATA_TEST_CHILD_STORE") else {
        return;
    };
    let store = Store::open(root).unwrap();
    let scratch = store.scratch("child").unwrap();
    fs::create_dir(scratch.path().join("sub")).unwrap();
    let mut blob = store.blob_writer().unwrap();
    blob.write_all(&[0; 1 << 20]).unwrap();
    let _held = store.lock("k", &key("a")).unwrap();
    println!("\nready");
    thread::sleep(Duration::from_secs(600));
}

#[test]
fn what_a_killed_process_leaves_is_swept() {
    let (_folder, store) = store();
    let tmp = store.root().join("tmp");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_that_holds_scratch",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("STRATA_TEST_CHILD_STORE", store.root())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "ready"));
    assert_eq!(count(&tmp), 2);
    // It lives: an opening leaves it alone.
    Store::open(store.root()).unwrap();
    assert_eq!(count(&tmp), 2);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(count(&tmp), 2);
    // Its lock went with it.
    drop(store.lock("k", &key("a")).unwrap());
    Store::open(store.root()).unwrap();
    assert_eq!(count(&tmp), 0);
}

#[test]
fn anew_sees_no_results_and_gives_what_was_missing() {
    let (_folder, store) = store();
    store.put_result("part", &key("old"), &1).unwrap();
    let anew = store.anew().unwrap();
    assert!(anew.is_anew() && !store.is_anew());
    assert_eq!(anew.result::<i32>("part", &key("old")).unwrap(), None);
    assert_eq!(anew.settled::<i32>("part", &key("old")).unwrap(), Some(1));
    assert_eq!(store.settled::<i32>("part", &key("old")).unwrap(), None);
    anew.put_result("part", &key("old"), &2).unwrap();
    anew.put_result("part", &key("new"), &3).unwrap();
    let mut file = anew.file_writer("index", &key("new")).unwrap();
    file.write_all(b"text").unwrap();
    file.commit().unwrap();
    assert_eq!(anew.result::<i32>("part", &key("old")).unwrap(), Some(2));
    // The store keeps what it had, and gains what it did not have.
    assert_eq!(store.result::<i32>("part", &key("old")).unwrap(), Some(1));
    assert_eq!(store.result::<i32>("part", &key("new")).unwrap(), Some(3));
    assert!(store.has_file("index", &key("new")));
    let scratch = anew.scratch("tree").unwrap();
    anew.commit_tree("tree", &key("tree"), scratch).unwrap();
    assert!(
        anew.tree("tree", &key("tree")).is_some() && store.tree("tree", &key("tree")).is_none()
    );
    drop(anew);
    assert_eq!(count(&store.root().join("tmp")), 0);
}
