//! A scripted issuer that counts its requests.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::json;

use super::{KeyCache, Remote};

/// How the issuer responds.
#[derive(Clone, Copy)]
pub enum Response {
    Keys(&'static [&'static str]),
    KeysAfter(Duration, &'static [&'static str]),
    NotFound,
    Redirect,
    Large,
    Never,
}

pub struct Issuer {
    url: String,
    response: Mutex<Response>,
    requests: AtomicUsize,
}

impl Issuer {
    /// Starts a server, in threads that end with the test process.
    pub fn start(response: Response) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let issuer = Arc::new(Self { url, response: Mutex::new(response), requests: AtomicUsize::new(0) });
        let serving = Arc::clone(&issuer);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let serving = Arc::clone(&serving);
                thread::spawn(move || serving.respond(connection.unwrap()));
            }
        });
        issuer
    }

    fn respond(&self, mut connection: TcpStream) {
        let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
        let Some(request) = lines.next() else { return };
        lines.find(String::is_empty);
        let response = *self.response.lock().unwrap();
        self.requests.fetch_add(1, Ordering::SeqCst);
        let (status, body) = match response {
            _ if request.contains("/elsewhere") => ("200 OK", set(&["1"])),
            Response::Keys(kids) => ("200 OK", set(kids)),
            Response::KeysAfter(wait, kids) => {
                thread::sleep(wait);
                ("200 OK", set(kids))
            }
            Response::NotFound => ("404 Not Found", set(&["1"])),
            Response::Redirect => ("302 Found\r\nlocation: /elsewhere", String::new()),
            Response::Large => ("200 OK", " ".repeat(1_000_001) + &set(&["1"])),
            Response::Never => loop {
                thread::park();
            },
        };
        // The client may have closed the connection.
        let _ = write!(
            connection,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
    }

    pub fn respond_with(&self, response: Response) {
        *self.response.lock().unwrap() = response;
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub async fn cache(&self) -> Arc<KeyCache> {
        KeyCache::of_url(Remote::new(&self.url).unwrap()).await
    }
}

fn set(kids: &[&str]) -> String {
    let key = |kid| json!({ "kid": kid, "kty": "OKP", "crv": "Ed25519", "x": "A".repeat(43) });
    json!({ "keys": kids.iter().map(key).collect::<Vec<_>>() }).to_string()
}
