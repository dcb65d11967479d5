//! A line that breaks: whatever goes over it, each connection ends after so many bytes sent.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

pub struct Line {
    address: SocketAddr,
    broken: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Line {
    /// To `port`; each connection breaks when the client has sent `limit` bytes.
    pub fn start(port: u16, limit: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (broken, stop) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (breaks, stopped) = (broken.clone(), stop.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(client), Ok(server)) = (stream, TcpStream::connect(("127.0.0.1", port)))
                else {
                    continue;
                };
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
                let breaks = breaks.clone();
                thread::spawn(move || {
                    if carry(&client, &server, limit).is_ok_and(|broke| broke) {
                        breaks.fetch_add(1, Ordering::SeqCst);
                    }
                    let _ = client.shutdown(Shutdown::Both);
                    let _ = server.shutdown(Shutdown::Both);
                });
            }
        });
        Self {
            address,
            broken,
            stop,
        }
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// How many connections it broke.
    pub fn broken(&self) -> usize {
        self.broken.load(Ordering::SeqCst)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn carry(mut client: &TcpStream, mut server: &TcpStream, limit: usize) -> io::Result<bool> {
    let mut left = limit;
    let mut buffer = vec![0; 16 << 10];
    loop {
        let most = left.min(buffer.len());
        if most == 0 {
            return Ok(true);
        }
        let count = client.read(&mut buffer[..most])?;
        if count == 0 {
            return Ok(false);
        }
        server.write_all(&buffer[..count])?;
        left -= count;
    }
}
