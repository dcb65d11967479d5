//! A small HTTP server that can misbehave: each answer is made by the test, and each request is
//! kept for it to look at.

#[allow(dead_code)]
mod http;

/// What a client asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// First byte of the range that was asked for.
    pub from: Option<usize>,
    pub accept: String,
    pub authorization: Option<String>,
}

impl Request {
    fn of(head: &http::Head) -> Self {
        let range = head.get("range").and_then(|range| {
            let range = range.strip_prefix("bytes=")?;
            range.strip_suffix('-')?.parse().ok()
        });
        Self {
            method: head.method.clone(),
            path: head.path.clone(),
            from: range,
            accept: head.get("accept").unwrap_or_default().to_owned(),
            authorization: head.get("authorization").map(str::to_owned),
        }
    }
}

/// An answer: status, headers, body, and how many bytes of the body are really sent.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub cut: usize,
    pub chunked: bool,
}

impl Answer {
    pub fn new(status: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let headers = vec![("Content-Length", body.len().to_string())];
        Self {
            status,
            headers,
            body,
            cut: usize::MAX,
            chunked: false,
        }
    }

    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new("200 OK", body)
    }

    /// A file, or the rest of it where a range was asked for.
    pub fn file(request: &Request, body: &[u8]) -> Self {
        match request.from {
            Some(from) if from < body.len() => {
                let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
                Self::new("206 Partial Content", &body[from..]).header("Content-Range", range)
            }
            Some(_) => Self::new("416 Range Not Satisfiable", ""),
            None => Self::ok(body),
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Breaks the connection off after so many bytes of the body.
    pub fn cut(mut self, after: usize) -> Self {
        self.cut = after;
        self
    }

    /// Sends the body in one chunk, without announcing its size.
    pub fn chunked(mut self) -> Self {
        self.headers.retain(|(known, _)| *known != "Content-Length");
        self.chunked = true;
        self.header("Transfer-Encoding", "chunked")
    }

    fn reply(self) -> http::Reply {
        let mut body = self.body;
        if self.chunked {
            body.truncate(self.cut);
            let size = format!("{:x}\r\n", body.len()).into_bytes();
            body = [size, body, b"\r\n0\r\n\r\n".to_vec()].concat();
        }
        let (code, _) = self.status.split_once(' ').unwrap();
        let reply = http::Reply::new(code.parse().unwrap(), body);
        let headers = self.headers.into_iter();
        let reply = headers.fold(reply, |reply, (name, value)| reply.header(name, value));
        match self.chunked {
            true => reply,
            false => reply.cut(self.cut),
        }
    }
}

/// A server on a port of this machine; it stops when it is dropped.
pub struct Server(http::Server);

impl Server {
    pub fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let answer = move |head: &http::Head| handler(&Request::of(head)).reply();
        Self(http::Server::start(move |head, _| Some(answer(head))))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host())
    }

    pub fn host(&self) -> String {
        self.0.host()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.0.requests().iter().map(Request::of).collect()
    }
}
