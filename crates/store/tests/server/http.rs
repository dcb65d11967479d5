//! A small HTTP server whose answers are made by the test. One request for each connection.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

#[derive(Debug, Clone, Default)]
pub struct Head {
    pub method: String,
    /// Path and query.
    pub path: String,
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn length(&self) -> u64 {
        self.get("content-length")
            .map_or(0, |text| text.parse().unwrap())
    }

    /// A parameter of the query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.path.split_once('?')?;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// A request's body; reading it agrees to an `Expect`.
pub struct Body {
    stream: BufReader<TcpStream>,
    pub left: u64,
    expects: bool,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        if self.expects {
            self.expects = false;
            self.stream
                .get_mut()
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let most = buffer.len().min(self.left as usize);
        let count = self.stream.read(&mut buffer[..most])?;
        self.left -= count as u64;
        Ok(count)
    }
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// How much of the body is really sent.
    pub cut: usize,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            cut: usize::MAX,
        }
    }

    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers
            .retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn cut(mut self, after: usize) -> Self {
        self.cut = after;
        self
    }
}

/// `None` breaks the connection.
type Handler = dyn Fn(&Head, &mut Body) -> Option<Reply> + std::marker::Send + Sync;

/// A server on a port of this machine; it ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Head>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    pub fn start(
        handler: impl Fn(&Head, &mut Body) -> Option<Reply> + std::marker::Send + Sync + 'static,
    ) -> Self {
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
                let Ok(stream) = stream else { continue };
                // A client that hangs up is no failure of the server's.
                thread::spawn(move || drop(serve(stream, &*handler, &kept)));
            }
        });
        Self {
            address,
            requests,
            stop,
        }
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn requests(&self) -> Vec<Head> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests of a method came.
    pub fn count(&self, method: &str) -> usize {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|head| head.method == method).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// A head up to its empty line, without the first line's words taken apart.
pub fn read_head(stream: &mut impl BufRead) -> io::Result<(String, Vec<(String, String)>)> {
    let line = |stream: &mut dyn BufRead| {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line)?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&line).trim_end().to_owned())
    };
    let first = line(stream)?;
    let mut headers = Vec::new();
    loop {
        let text = line(stream)?;
        let Some((name, value)) = text.split_once(':') else {
            return Ok((first, headers));
        };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn serve(stream: TcpStream, handler: &Handler, kept: &Mutex<Vec<Head>>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    // A client that tries https first is answered as Go does.
    if stream.fill_buf()?.first() == Some(&0x16) {
        stream
            .get_mut()
            .write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n")?;
        return Ok(());
    }
    let (first, headers) = read_head(&mut stream)?;
    let mut words = first.split(' ').map(str::to_owned);
    let head = Head {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        headers,
    };
    if head.method.is_empty() {
        return Ok(());
    }
    kept.lock().unwrap().push(head.clone());
    let mut body = Body {
        stream,
        left: head.length(),
        expects: head.get("expect").is_some(),
    };
    let Some(reply) = handler(&head, &mut body) else {
        return Ok(());
    };
    if !body.expects {
        // Closing with bytes unread would take the answer away.
        io::copy(&mut body, &mut io::sink())?;
    }
    let mut text = format!("HTTP/1.1 {} Status\r\nConnection: close\r\n", reply.status);
    let mut delimited = false;
    for (name, value) in &reply.headers {
        delimited |= ["content-length", "transfer-encoding"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        if !name.eq_ignore_ascii_case("connection") {
            text += &format!("{name}: {value}\r\n");
        }
    }
    if !delimited && reply.status != 204 {
        text += &format!("Content-Length: {}\r\n", reply.body.len());
    }
    let mut bytes = (text + "\r\n").into_bytes();
    if head.method != "HEAD" {
        bytes.extend(&reply.body[..reply.body.len().min(reply.cut)]);
    }
    body.stream.get_mut().write_all(&bytes)?;
    body.stream.get_mut().shutdown(std::net::Shutdown::Write)
}
