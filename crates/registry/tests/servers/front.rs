//! A proxy before a registry that sees each request and may answer it itself, drop it, or change what
//! comes back.

use std::{
    io::{self, BufReader, Read, Write},
    net::TcpStream,
};

use super::http::{Body, Head, Reply, Server, read_head};

/// What becomes of a request.
pub enum Verdict {
    Pass,
    Answer(Reply),
    /// Breaks the connection after so many bytes of the request's body have gone through.
    Break(u64),
}

/// A proxy before `port`.
pub fn front(
    port: u16,
    judge: impl Fn(&Head) -> Verdict + Send + Sync + 'static,
    change: impl Fn(&Head, Reply) -> Reply + Send + Sync + 'static,
) -> Server {
    Server::start(move |head, body| match judge(head) {
        Verdict::Answer(reply) => Some(reply),
        Verdict::Pass => pass(port, head, body).ok().map(|reply| change(head, reply)),
        Verdict::Break(after) => {
            body.left = body.left.min(after);
            let _ = pass(port, head, body);
            None
        }
    })
}

/// Hands a request on. `Host` stays, so that the registry's locations lead back here.
fn pass(port: u16, head: &Head, body: &mut Body) -> io::Result<Reply> {
    let mut upstream = TcpStream::connect(("127.0.0.1", port))?;
    let mut text = format!(
        "{} {} HTTP/1.1\r\nConnection: close\r\n",
        head.method, head.path
    );
    for (name, value) in &head.headers {
        if !["connection", "expect"].contains(&name.to_ascii_lowercase().as_str()) {
            text += &format!("{name}: {value}\r\n");
        }
    }
    let whole = body.left == head.length();
    upstream.write_all((text + "\r\n").as_bytes())?;
    io::copy(body, &mut upstream)?;
    if !whole {
        return Err(io::Error::other("broken on purpose"));
    }
    let mut upstream = BufReader::new(upstream);
    let (first, headers) = read_head(&mut upstream)?;
    let mut bytes = Vec::new();
    upstream.read_to_end(&mut bytes)?;
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    let mut reply = Reply::new(status.ok_or_else(|| io::Error::other(first))?, bytes);
    reply.headers = headers;
    Ok(reply)
}
