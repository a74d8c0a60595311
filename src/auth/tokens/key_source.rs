//! Reads a key set's document from a file or a URL, with limits on size and time.

use std::{fmt, fs::File, io, io::Read, net::IpAddr, path::PathBuf, time::Duration};

use reqwest::{Client, Url, redirect};
use tokio::{task, time};

use super::error::TokenKeyError;

/// The largest document. Real ones have a few KB.
const MAX_DOCUMENT_BYTES: usize = 1_000_000;

/// The time limit of reading a document.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The location of a key set.
pub enum Source {
    File(PathBuf),
    Url(Remote),
}

/// A URL, and the client that fetches it.
pub struct Remote {
    url: Url,
    client: Client,
}

impl Remote {
    /// Checks a URL. It must be HTTPS or local: anyone who can forge its response can sign tokens.
    pub fn new(url: &str) -> Result<Self, TokenKeyError> {
        let url = Url::parse(url).map_err(|_| TokenKeyError::MalformedUrl)?;
        let here = is_loopback(&url);
        if url.scheme() != "https" && !(url.scheme() == "http" && here) {
            return Err(TokenKeyError::InsecureUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TokenKeyError::UrlWithCredentials);
        }
        // A redirect could lead anywhere, including to plain HTTP.
        let builder = Client::builder().redirect(redirect::Policy::none()).https_only(!here);
        // For a proxy from the environment, localhost is another machine.
        let builder = if here { builder.no_proxy() } else { builder };
        Ok(Self { url, client: builder.build().map_err(TokenKeyError::Client)? })
    }

    async fn fetch(&self) -> Result<Vec<u8>, TokenKeyError> {
        let failed = |error: reqwest::Error| TokenKeyError::Fetch(error.without_url());
        let mut response = self.client.get(self.url.clone()).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(TokenKeyError::Status(response.status()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if document.len() + chunk.len() > MAX_DOCUMENT_BYTES {
                return Err(TokenKeyError::TooLarge { max_bytes: MAX_DOCUMENT_BYTES });
            }
            document.extend_from_slice(&chunk);
        }
        Ok(document)
    }
}

/// The location, for the log. Omits the query of a URL, where some services expect a key.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(Remote { url, .. }) => f.write_str(url.as_str().split(['?', '#']).next().unwrap_or_default()),
        }
    }
}

impl Source {
    /// Reads the document.
    pub async fn read(&self) -> Result<Vec<u8>, TokenKeyError> {
        let reading = async {
            match self {
                Self::File(path) => {
                    let path = path.clone();
                    let read = task::spawn_blocking(move || read_file(path)).await;
                    read.unwrap_or_else(|error| Err(TokenKeyError::Read(io::Error::other(error))))
                }
                Self::Url(remote) => remote.fetch().await,
            }
        };
        time::timeout(READ_TIMEOUT, reading).await.unwrap_or(Err(TokenKeyError::TimedOut(READ_TIMEOUT)))
    }
}

fn read_file(path: PathBuf) -> Result<Vec<u8>, TokenKeyError> {
    let mut document = Vec::new();
    let file = File::open(path).map_err(TokenKeyError::Read)?;
    file.take(MAX_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut document).map_err(TokenKeyError::Read)?;
    if document.len() > MAX_DOCUMENT_BYTES {
        Err(TokenKeyError::TooLarge { max_bytes: MAX_DOCUMENT_BYTES })
    } else {
        Ok(document)
    }
}

/// Whether a URL leads to this machine, so that its traffic can't be intercepted.
fn is_loopback(url: &Url) -> bool {
    // An IPv6 address stands in brackets.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
