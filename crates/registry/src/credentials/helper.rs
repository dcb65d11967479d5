//! Credential helpers: programs named `docker-credential-…` that are told a registry on their standard
//! input and answer with JSON. Their protocol is that of docker-credential-helpers.

use std::{
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
};

use serde::Deserialize;

use super::{Found, Secret};
use crate::{Error, Login, Result, options};

/// The name that stands where the secret is a refresh token.
const TOKEN: &str = "<token>";
/// The most that is repeated of what a helper says, in characters.
const SAID: usize = 400;

/// Variables with our own secrets, which are none of a helper's business.
const OURS: [&str; 3] = [options::USERNAME, options::PASSWORD, "STRATA_CACHE_SECRET"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a helper for the credentials of `server`; `None` where it has none.
pub(super) fn ask(helper: &str, server: &str, named_in: &Path) -> Result<Option<Found>> {
    let program = format!("docker-credential-{helper}");
    let failed = |problem: String| Error::Helper {
        program: program.clone(),
        registry: server.to_owned(),
        problem,
        path: named_in.to_owned(),
    };
    if helper.contains('/') {
        return Err(failed("its name has a slash".to_owned()));
    }
    let mut command = Command::new(&program);
    for secret in OURS {
        command.env_remove(secret);
    }
    let spawned = command
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => failed("there is no such program on PATH".to_owned()),
        _ => failed(error.to_string()),
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read it has its reasons, and tells them in its output.
        let _ = stdin.write_all(server.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        // By the protocol, the reason is on standard output; most write to the other one, too.
        let reason = [&output.stdout, &output.stderr]
            .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
        if reason.iter().any(|text| is_none(text)) {
            return Ok(None);
        }
        let said = reason.join(" ");
        let said: String = said.trim().chars().take(SAID).collect();
        return Err(failed(format!("{}, and said {said:?}", output.status)));
    }
    // What it wrote may be the secret, so it is not repeated.
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed("its answer has no Username and Secret".to_owned()))?;
    let secret = match answer.username.as_str() {
        _ if answer.secret.is_empty() => return Ok(None),
        TOKEN => Secret::Refresh(answer.secret),
        _ => Secret::Login(Login::new(answer.username, answer.secret)),
    };
    Ok(Some(Found {
        secret,
        place: program,
    }))
}

/// The words by which a helper says that it has nothing for the server.
fn is_none(text: &str) -> bool {
    text.contains("credentials not found")
}
