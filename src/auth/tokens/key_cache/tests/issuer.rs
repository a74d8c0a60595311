//! An issuer's server: it answers as it is told, and counts how often it is asked.

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

/// What the server does when it is asked.
#[derive(Clone, Copy)]
pub enum Answer {
    Keys(&'static [&'static str]),
    KeysAfter(Duration, &'static [&'static str]),
    NotFound,
    Redirect,
    Large,
    Never,
}

pub struct Issuer {
    url: String,
    answer: Mutex<Answer>,
    asked: AtomicUsize,
}

impl Issuer {
    /// Starts a server: threads that end with the tests.
    pub fn start(answer: Answer) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let issuer = Arc::new(Self { url, answer: Mutex::new(answer), asked: AtomicUsize::new(0) });
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
        let answer = *self.answer.lock().unwrap();
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (status, body) = match answer {
            _ if request.contains("/elsewhere") => ("200 OK", set(&["1"])),
            Answer::Keys(kids) => ("200 OK", set(kids)),
            Answer::KeysAfter(wait, kids) => {
                thread::sleep(wait);
                ("200 OK", set(kids))
            }
            Answer::NotFound => ("404 Not Found", set(&["1"])),
            Answer::Redirect => ("302 Found\r\nlocation: /elsewhere", String::new()),
            Answer::Large => ("200 OK", " ".repeat(1_000_001) + &set(&["1"])),
            Answer::Never => loop {
                thread::park();
            },
        };
        // Who asked may have seen enough.
        let _ = write!(
            connection,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
    }

    pub fn now_answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub async fn cache(&self) -> Arc<KeyCache> {
        KeyCache::of_url(Remote::new(&self.url).unwrap()).await
    }
}

fn set(kids: &[&str]) -> String {
    let key = |kid| json!({ "kid": kid, "kty": "OKP", "crv": "Ed25519", "x": "A".repeat(43) });
    json!({ "keys": kids.iter().map(key).collect::<Vec<_>>() }).to_string()
}
