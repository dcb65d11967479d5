//! A token server for `docker-registry`'s `auth: token`: tokens are JWTs, signed with RS256 by the
//! `openssl` program.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::{
    debian::Debian,
    has,
    http::{Head, Reply, Server},
    self_signed,
};

pub const USER: (&str, &str) = ("me", "right");
pub const REFRESH: &str = "refresh-token-of-me";

/// A registry that wants tokens, and the server that gives them, good for some seconds.
pub fn registry(seconds: u64) -> Option<(Debian, Server)> {
    if !has("openssl") || !has("docker-registry") {
        return None;
    }
    let keys = tempfile::tempdir().unwrap().keep();
    self_signed(&keys, "token", "tokens");
    let tokens = server(&keys, seconds);
    let registry = Debian::with(|_| {
        format!(
            "auth:\n  token:\n    realm: http://{}/token\n    service: registry\n    issuer: tests\n    \
             rootcertbundle: {}\n",
            tokens.host(),
            keys.join("token.crt").display()
        )
    });
    registry.map(|registry| (registry, tokens))
}

/// A token server with the key in `folder`.
fn server(folder: &Path, seconds: u64) -> Server {
    let folder = folder.to_owned();
    Server::start(move |head, body| {
        let mut form = String::new();
        std::io::Read::read_to_string(body, &mut form).unwrap();
        let scopes = match allowed(head, &form) {
            Ok(scopes) => scopes,
            Err(()) => {
                let text = r#"{"errors":[{"code":"UNAUTHORIZED","message":"no such user"}]}"#;
                return Some(Reply::new(401, text));
            }
        };
        let token = sign(&folder, &scopes, seconds);
        let answer = json!({ "token": token, "expires_in": seconds });
        Some(Reply::new(200, answer.to_string()))
    })
}

/// The scopes that are granted: to nobody only reading of `public/…`.
fn allowed(head: &Head, form: &str) -> Result<Vec<String>, ()> {
    let (query, known) = if head.method == "POST" {
        let pairs = url::form_urlencoded::parse(form.as_bytes());
        let pairs: Vec<_> = pairs.into_owned().collect();
        let given = pairs
            .iter()
            .find(|(key, _)| key == "refresh_token")
            .ok_or(())?;
        if given.1 != REFRESH {
            return Err(());
        }
        (pairs, true)
    } else {
        let query = head.path.split_once('?').map_or("", |(_, query)| query);
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let right = format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", USER.0, USER.1))
        );
        match head.get("authorization") {
            Some(given) if given != right => return Err(()),
            given => (pairs.into_owned().collect(), given.is_some()),
        }
    };
    let scopes = query.into_iter().filter(|(key, _)| key == "scope");
    let scopes =
        scopes.flat_map(|(_, value)| value.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let may = |scope: &String| {
        known || scope.starts_with("repository:public/") && scope.ends_with(":pull")
    };
    Ok(scopes.filter(may).collect())
}

fn sign(folder: &Path, scopes: &[String], seconds: u64) -> String {
    let pem = fs::read_to_string(folder.join("token.crt")).unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let access: Vec<Value> = scopes
        .iter()
        .map(|scope| {
            let parts: Vec<&str> = scope.split(':').collect();
            let actions: Vec<&str> = parts[2].split(',').collect();
            json!({ "type": parts[0], "name": parts[1], "actions": actions })
        })
        .collect();
    let header = json!({ "typ": "JWT", "alg": "RS256", "x5c": [der] });
    let claims = json!({
        "iss": "tests", "sub": "me", "aud": "registry", "jti": "1", "access": access,
        "iat": now - 5, "nbf": now - 5, "exp": now + seconds,
    });
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(header), encode(claims));
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign"])
        .arg(folder.join("token.key"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let signature = child.wait_with_output().unwrap().stdout;
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}
