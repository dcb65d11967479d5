//! A small HTTP server that can misbehave: each answer is made by the test, and each request is
//! kept for it to look at.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

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
}

type Handler = dyn Fn(&Request) -> Answer + Send + Sync;

/// A server on a port of this machine; it stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    pub fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let (kept, stopped) = (requests.clone(), stop.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (handler, kept) = (handler.clone(), kept.clone());
                thread::spawn(move || serve(stream.unwrap(), &*handler, &kept));
            }
        });
        Self {
            address,
            requests,
            stop,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, handler: &Handler, kept: &Mutex<Vec<Request>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    let mut words = first.split(' ').map(str::to_owned);
    let mut request = Request {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        from: None,
        accept: String::new(),
        authorization: None,
    };
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        let (name, value) = line.split_once(": ").unwrap();
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let from = value
                    .strip_prefix("bytes=")
                    .unwrap()
                    .strip_suffix('-')
                    .unwrap();
                request.from = Some(from.parse().unwrap());
            }
            "accept" => request.accept = value.to_owned(),
            "authorization" => request.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    kept.lock().unwrap().push(request.clone());
    let answer = handler(&request);
    let mut head = format!("HTTP/1.1 {}\r\nConnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut bytes = head.into_bytes();
    bytes.extend(b"\r\n");
    let sent = if request.method == "HEAD" {
        0
    } else {
        answer.cut
    };
    let body = &answer.body[..answer.body.len().min(sent)];
    if answer.chunked {
        bytes.extend(format!("{:x}\r\n", body.len()).bytes());
        bytes.extend(body);
        bytes.extend(b"\r\n0\r\n\r\n");
    } else {
        bytes.extend(body);
    }
    // A client that has seen enough hangs up: no failure of the server's.
    let _ = (&stream).write_all(&bytes);
}
