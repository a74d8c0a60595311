//! Reads a key set's document from where it is: a file or a URL. Both are bounded, in size and in time.

use std::{fmt, fs::File, io, io::Read, net::IpAddr, path::PathBuf, time::Duration};

use reqwest::{Client, Url, redirect};
use tokio::{task, time};

use super::error::UnusableKeys;

/// The largest document that is read. Real ones have a few KB.
pub const MAX_DOCUMENT_BYTES: usize = 1_000_000;

/// How long a document may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Where a key set is.
pub enum Source {
    File(PathBuf),
    Url(Remote),
}

/// A URL, and the client to ask it with.
pub struct Remote {
    url: Url,
    client: Client,
}

impl Remote {
    /// Gets ready to ask a URL. It must be one that nobody on the way can answer for: who could would sign tokens.
    pub fn new(url: &str) -> Result<Self, UnusableKeys> {
        let url = Url::parse(url).map_err(|_| UnusableKeys::Url("can't be understood"))?;
        let here = is_loopback(&url);
        if url.scheme() != "https" && !(url.scheme() == "http" && here) {
            return Err(UnusableKeys::Url("must begin with https:// (http:// is for localhost alone)"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UnusableKeys::Url("must not have a user name or a password: keys are public"));
        }
        // A redirect could lead anywhere, plain http too.
        let builder = Client::builder().redirect(redirect::Policy::none()).https_only(!here);
        // The proxy that the environment may name has a localhost of its own.
        let builder = if here { builder.no_proxy() } else { builder };
        Ok(Self { url, client: builder.build().map_err(UnusableKeys::Client)? })
    }

    async fn fetch(&self) -> Result<Vec<u8>, UnusableKeys> {
        let failed = |error: reqwest::Error| UnusableKeys::Fetch(error.without_url());
        let mut response = self.client.get(self.url.clone()).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(UnusableKeys::Status(response.status()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if document.len() + chunk.len() > MAX_DOCUMENT_BYTES {
                return Err(UnusableKeys::TooLarge);
            }
            document.extend_from_slice(&chunk);
        }
        Ok(document)
    }
}

/// The place, for the log. The query of a URL is left out: some services expect a key there.
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
    pub async fn read(&self) -> Result<Vec<u8>, UnusableKeys> {
        let reading = async {
            match self {
                Self::File(path) => {
                    let path = path.clone();
                    let read = task::spawn_blocking(move || read_file(path)).await;
                    read.unwrap_or_else(|error| Err(UnusableKeys::Read(io::Error::other(error))))
                }
                Self::Url(remote) => remote.fetch().await,
            }
        };
        time::timeout(PATIENCE, reading).await.unwrap_or(Err(UnusableKeys::TimedOut))
    }
}

fn read_file(path: PathBuf) -> Result<Vec<u8>, UnusableKeys> {
    let mut document = Vec::new();
    let file = File::open(path).map_err(UnusableKeys::Read)?;
    file.take(MAX_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut document).map_err(UnusableKeys::Read)?;
    if document.len() > MAX_DOCUMENT_BYTES { Err(UnusableKeys::TooLarge) } else { Ok(document) }
}

/// Whether a URL leads to this machine itself, where nobody is on the way.
fn is_loopback(url: &Url) -> bool {
    // An IPv6 address stands in brackets.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
