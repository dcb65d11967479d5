//! Credentials from each of their places to a registry that wants them, and to no other; a wrong password
//! is one error, and no password is ever written.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    process::{Command, Output, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    case::{Case, client, errors, repository, sent, warns},
    servers::{
        debian::Debian,
        front::{Verdict, front},
        http::Server,
        token,
    },
    small_image::program::failure,
};

const WRONG: &str = "hunter2";

/// A push with the password on standard input.
fn with_password(case: &Case, arguments: &[&str], password: &str) -> Output {
    let mut push = case.xtask(&case.store, &["push"]);
    push.args(arguments).arg(&case.lock);
    push.args(["--username", "me", "--password-stdin"]);
    push.stdin(Stdio::piped());
    push.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut push = push.spawn().unwrap();
    let mut stdin = push.stdin.take().unwrap();
    writeln!(stdin, "{password}").unwrap();
    drop(stdin);
    push.wait_with_output().unwrap()
}

fn push_command(case: &Case, to: &str) -> Command {
    let mut push = case.xtask(&case.store, &["push", to]);
    push.arg(&case.lock);
    push
}

/// One clear error, exit 1, and the password nowhere.
fn is_refused(output: &Output, words: &[&str]) {
    let error = failure(output);
    for word in words {
        assert!(error.contains(word), "no {word:?} in {error}");
    }
    assert_eq!(error.matches("hint:").count(), 1, "{error}");
    is_secret(output);
}

fn is_secret(output: &Output) {
    let all = [&output.stdout[..], &output.stderr].concat();
    let all = String::from_utf8_lossy(&all).into_owned();
    for password in ["right", WRONG, &STANDARD.encode("me:right")] {
        assert!(!all.contains(password), "{all}");
    }
}

#[test]
fn each_way_to_give_credentials() {
    let Some(case) = Case::at(Debian::guarded) else {
        return;
    };
    let host = case.registry.host();
    let to = |name: &str| case.at_registry(&format!("comfyui:{name}"));

    // None, and half of them.
    let none = push_command(&case, &to("none")).output().unwrap();
    is_refused(
        &none,
        &[
            "asks for credentials",
            &host,
            "docker login",
            "STRATA_REGISTRY_USERNAME",
        ],
    );
    let mut half = push_command(&case, &to("half"));
    half.env("STRATA_REGISTRY_USERNAME", "me");
    is_refused(&half.output().unwrap(), &["STRATA_REGISTRY_PASSWORD"]);
    let stdin = ["--username", "me"];
    let without = case.push(&to("stdin"), &stdin);
    assert_eq!(without.status.code(), Some(2), "{}", errors(&without));

    // On standard input.
    let given = with_password(&case, &[&to("stdin")], "right");
    case.is_right(&given);
    is_secret(&given);
    let wrong = with_password(&case, &[&to("wrong")], WRONG);
    is_refused(&wrong, &["does not take the credentials of user \"me\""]);
    let empty = with_password(&case, &[&to("wrong")], "");
    assert!(failure(&empty).contains("standard input has no password"));

    // In the environment.
    let with = |password: &str| {
        let mut push = push_command(&case, &to("environment"));
        push.env("STRATA_REGISTRY_USERNAME", "me");
        push.env("STRATA_REGISTRY_PASSWORD", password);
        push.output().unwrap()
    };
    case.is_right(&with("right"));
    is_refused(&with(WRONG), &["user \"me\"", "STRATA_REGISTRY_USERNAME"]);

    // In docker's file.
    let docker = case.folder().join("docker");
    fs::create_dir(&docker).unwrap();
    let config = docker.join("config.json");
    let with = |text: String| {
        fs::write(&config, text).unwrap();
        let mut push = push_command(&case, &to("file"));
        push.env("DOCKER_CONFIG", &docker);
        push.output().unwrap()
    };
    let auth = |password: &str| {
        let auth = STANDARD.encode(format!("me:{password}"));
        format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#)
    };
    case.is_right(&with(auth("right")));
    let config_text = config.display().to_string();
    is_refused(&with(auth(WRONG)), &["user \"me\"", &config_text]);

    // From a helper program.
    let helper = docker.join("docker-credential-here");
    let answer = |password: &str| {
        let text = format!(
            "#!/bin/sh\nread -r server\n[ \"$server\" = {host} ] || exit 1\n\
             echo '{{\"Username\":\"me\",\"Secret\":\"{password}\"}}'\n"
        );
        fs::write(&helper, text).unwrap();
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    };
    fs::write(&config, format!(r#"{{"credHelpers":{{"{host}":"here"}}}}"#)).unwrap();
    let path = format!("{}:{}", docker.display(), std::env::var("PATH").unwrap());
    let helped = || {
        let mut push = push_command(&case, &to("helper"));
        push.env("DOCKER_CONFIG", &docker).env("PATH", &path);
        push.output().unwrap()
    };
    answer("right");
    case.is_right(&helped());
    answer(WRONG);
    is_refused(&helped(), &["user \"me\"", "docker-credential-here"]);
}

/// Tokens in place of passwords: for the image's repository, the cache's, and mounts from one into the other.
#[test]
fn tokens() {
    let Some((registry, server)) = token::registry(300) else {
        return;
    };
    let Some(case) = Case::at(|| Some(registry)) else {
        return;
    };
    let (to, cache) = (case.at_registry("comfyui"), case.at_registry("cache"));
    let with = |command: &mut Command, password: &str| {
        command
            .env("STRATA_REGISTRY_USERNAME", token::USER.0)
            .env("STRATA_REGISTRY_PASSWORD", password)
            .output()
            .unwrap()
    };
    let mut fill = case.image_command(&case.store, &["--cache-to", &cache]);
    let filled = with(&mut fill, token::USER.1);
    case.is_right(&filled);
    assert!(!warns(&filled), "{}", errors(&filled));
    let empty = case.empty_store("empty");
    let mut push = case.xtask(&empty, &["push", &to, "--cache-from", &cache]);
    push.arg(&case.lock);
    let pushed = with(&mut push, token::USER.1);
    case.is_right(&pushed);
    is_secret(&pushed);
    assert!(!warns(&pushed), "{}", errors(&pushed));
    assert_eq!(sent(&case.requests_since(0)).1, filled_entries(&case) + 2);
    let asked = server.requests().len();
    let wrong = with(&mut push_command(&case, &to), WRONG);
    is_refused(&wrong, &["does not take the credentials of user \"me\""]);
    assert_eq!(server.requests().len(), asked + 1, "it is shown once");
}

/// Entries of the cache: one for each recipe, and one for all.
fn filled_entries(case: &Case) -> usize {
    fs::read_dir(case.store.join("results/part"))
        .unwrap()
        .count()
        + 1
}

/// A proxy that only listens, before the registry.
fn listening(registry: &Debian) -> Server {
    front(registry.port, |_| Verdict::Pass, |_, reply| reply)
}

/// The login for where an image is pushed is not shown to a cache elsewhere, neither when it is asked nor
/// when it is filled, whatever it asks for.
#[test]
fn a_login_goes_to_the_target_alone() {
    let Some(case) = Case::at(Debian::guarded) else {
        return;
    };
    let Some(open) = Debian::start() else { return };
    let Some(guarded) = Debian::guarded() else {
        return;
    };
    let target = listening(&case.registry);
    let caches = [listening(&open), listening(&guarded)];
    let [first, second] = caches
        .each_ref()
        .map(|cache| format!("{}/cache", cache.host()));
    let to = format!("{}/comfyui", target.host());
    let all = [
        to.as_str(),
        "--cache-from",
        &first,
        "--cache-from",
        &second,
        "--cache-to",
        &first,
        "--cache-to",
        &second,
    ];
    let by_stdin = with_password(&case, &all, "right");
    let mut by_environment = push_command(&case, &to);
    by_environment
        .args(&all[1..])
        .env("STRATA_REGISTRY_USERNAME", "me")
        .env("STRATA_REGISTRY_PASSWORD", "right");
    for output in [by_stdin, by_environment.output().unwrap()] {
        case.is_right(&output);
        is_secret(&output);
        // The cache that wants a login of its own is done without.
        assert!(warns(&output), "{}", errors(&output));
    }
    assert!(has_authorization(&target));
    for cache in &caches {
        assert!(cache.requests().len() > 2);
        assert!(!has_authorization(cache));
    }
    let filled = client().tags(&repository(&first)).unwrap();
    assert!(filled.len() > 5, "{filled:?}");
}

fn has_authorization(server: &Server) -> bool {
    let requests = server.requests();
    requests
        .iter()
        .any(|head| head.get("authorization").is_some())
}
