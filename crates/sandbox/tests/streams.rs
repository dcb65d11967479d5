//! Input, output and status.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};

use common::{Root, possible};
use strata_sandbox::Error;

/// Bytes that do not repeat soon.
fn noise(length: u32) -> Vec<u8> {
    (0..length)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8)
        .collect()
}

#[test]
fn much_goes_in_and_out_at_once() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let input = noise(20 << 20);
    // Far more than pipes hold, on all three at once.
    let output = root
        .sandbox()
        .run("sh", ["-c", "tee /dev/stderr"], &input)
        .unwrap();
    assert!(output.stdout == input);
    assert!(output.stderr == input[input.len() - (1 << 20)..]);
}

#[test]
fn input_that_nobody_reads_is_no_failure() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let output = root
        .sandbox()
        .run("echo", ["done"], &noise(1 << 20))
        .unwrap();
    assert_eq!(output.stdout, b"done\n");
}

#[test]
fn failures_tell_status_and_last_words() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let run = |script: &str| match root.sandbox().run("sh", ["-c", script], b"") {
        Err(Error::Failed {
            program,
            status,
            stderr,
        }) => {
            assert_eq!(program, "sh");
            (status, stderr)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(run("echo why >&2; exit 7"), (7, "why".to_owned()));
    assert_eq!(run("kill -KILL $$").0, 128 + 9);
    assert_eq!(run("kill -TERM $$").0, 128 + 15);
    assert_eq!(run("kill -PIPE $$").0, 128 + 13);
    let (status, stderr) = run("for n in $(seq 100000); do echo line $n; done >&2; exit 1");
    assert_eq!(status, 1);
    assert!(
        stderr.starts_with("line ") && stderr.ends_with("line 100000"),
        "{stderr}"
    );
    assert!(stderr.len() <= 4096);
}

#[test]
fn output_can_be_read_as_it_comes_or_not_to_the_end() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let count = root
        .sandbox()
        .run_streaming("head", ["-c", "50000000", "/dev/zero"], b"", |reader| {
            std::io::copy(reader, &mut std::io::sink())
        })
        .unwrap();
    assert_eq!(count, 50_000_000);

    let enough = root
        .sandbox()
        .run_streaming("cat", ["/dev/zero"], b"", |reader| {
            reader.read_exact(&mut [0; 10])?;
            Err::<(), _>(std::io::Error::other("enough"))
        });
    let message = enough.unwrap_err().to_string();
    assert!(message.contains("stdout: enough"), "{message}");
}

#[test]
fn a_reader_that_panics_leaves_nothing_waiting() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let input = noise(1 << 20);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        root.sandbox()
            .run_streaming("sleep", ["infinity"], &input, |_| -> std::io::Result<()> {
                panic!("on purpose")
            })
    }));
    assert!(panicked.is_err());
}

#[test]
fn a_worker_answers_questions() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let script =
        "while read -r line; do echo got $line; echo saw $line >&2; done; echo bye >&2; exit 3";
    let mut child = root.sandbox().spawn("sh", ["-c", script]).unwrap();
    let mut answers = BufReader::new(child.take_stdout().unwrap());
    for question in ["a", "b", "c"] {
        writeln!(child.stdin().unwrap(), "{question}").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        assert_eq!(answer, format!("got {question}\n"));
    }
    child.close_stdin();
    let mut rest = String::new();
    answers.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    match child.wait() {
        Err(Error::Failed {
            status: 3, stderr, ..
        }) => {
            assert_eq!(stderr, "saw a\nsaw b\nsaw c\nbye");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn many_run_at_once() {
    if !possible() {
        return;
    }
    let root = Root::new();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let sandbox = root.sandbox().env("THREAD", thread.to_string());
            scope.spawn(move || {
                for _ in 0..5 {
                    let output = sandbox
                        .run("sh", ["-c", "cat; echo $THREAD"], b"in ")
                        .unwrap();
                    assert_eq!(output.stdout, format!("in {thread}\n").into_bytes());
                }
            });
        }
    });
}
