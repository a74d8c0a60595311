//! Encryption of connections to PostgreSQL, and the roots that certificates are verified with: the parameters of a URL, in
//! libpq's terms, `sslmode` and `sslrootcert` (<https://www.postgresql.org/docs/current/libpq-ssl.html>).
//!
//! There are only two modes. An unverified certificate does not protect against anyone between client and server, so all
//! modes that encrypt verify as `verify-full` does, and modes that let the server decide are rejected.

use std::{path::PathBuf, sync::Arc};

use percent_encoding::percent_decode_str;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};
use rustls_platform_verifier::BuilderVerifierExt;

/// The root certificates that the server's certificate is verified with.
#[derive(Debug, PartialEq, Eq)]
pub enum TrustedRoots {
    /// Those of the system.
    System,
    /// Those in a PEM file.
    File(PathBuf),
}

/// The encryption parameters of a URL are wrong.
#[derive(Debug, thiserror::Error)]
pub enum TlsUrlError {
    /// A parameter is repeated.
    #[error("sslmode is given twice")]
    RepeatedMode,
    /// The mode is unknown, or lets the server decide.
    #[error(
        "sslmode must be one of disable, require, verify-ca, verify-full: use verify-full, or disable on a private network \
         (modes such as prefer let the server choose plain text)"
    )]
    Mode,
    /// A path is not text.
    #[error("sslrootcert is not valid UTF-8")]
    RootsNotUtf8,
    /// Parameters of TLS are there without it. The URL's author expects TLS, and must not get less.
    #[error("sslrootcert and sslnegotiation=direct have no effect without TLS: add sslmode=verify-full")]
    WithoutTls,
    /// A parameter is where the driver would take it for a part of something else.
    #[error("in a password or a parameter, write @ as %40 and ? as %3F")]
    NotEncoded,
}

/// TLS can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of root certificates can't be read.
    #[error("cannot read certificates from {}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// The file of root certificates has none.
    #[error("{} contains no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// rustls rejects a certificate, or the system has none.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}

/// Splits a URL into what the driver reads and the encryption: `None` for plain text.
pub fn split(url: &str) -> Result<(String, Option<TrustedRoots>), TlsUrlError> {
    // As the driver reads it: a password, which ends at the first @, may contain a question mark.
    let host = url.find('@').unwrap_or_default();
    let (address, parameters) = match url[host..].find('?') {
        Some(mark) => (&url[..host + mark], Some(&url[host + mark + 1..])),
        None => (url, None),
    };
    let (mut mode, mut file, mut rest) = (None, None, Vec::new());
    for parameter in parameters.into_iter().flat_map(|parameters| parameters.split('&')) {
        match parameter.split_once('=') {
            Some(("sslmode", _)) if mode.is_some() => return Err(TlsUrlError::RepeatedMode),
            Some(("sslmode", value)) => mode = Some(value),
            Some(("sslrootcert", path)) => {
                let path = percent_decode_str(path).decode_utf8().map_err(|_| TlsUrlError::RootsNotUtf8)?;
                file = Some(PathBuf::from(&*path));
            }
            _ => rest.push(parameter),
        }
    }
    let encrypted = match mode {
        None | Some("disable") => false,
        Some("require" | "verify-ca" | "verify-full") => true,
        Some(_) => return Err(TlsUrlError::Mode),
    };
    if !encrypted && (file.is_some() || rest.contains(&"sslnegotiation=direct")) {
        return Err(TlsUrlError::WithoutTls);
    }
    let left = [&[address], rest.as_slice()].concat().join("&");
    if left.contains("sslmode=") || left.contains("sslrootcert=") || address.contains("sslnegotiation=") {
        return Err(TlsUrlError::NotEncoded);
    }
    let url = if rest.is_empty() { address.to_owned() } else { format!("{address}?{}", rest.join("&")) };
    let file = file.filter(|file| file.as_os_str() != "system");
    Ok((url, encrypted.then(|| file.map_or(TrustedRoots::System, TrustedRoots::File))))
}

impl TrustedRoots {
    /// The configuration of a client that verifies with these roots. Reads the files for each connection, since
    /// certificates are replaced.
    pub fn client_config(&self) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?;
        let builder = match self {
            Self::System => builder.with_platform_verifier()?,
            Self::File(path) => {
                let unreadable = |error| TlsError::Unreadable { path: path.clone(), error };
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                    roots.add(certificate.map_err(unreadable)?)?;
                }
                if roots.is_empty() {
                    return Err(TlsError::NoCertificate(path.clone()));
                }
                builder.with_root_certificates(roots)
            }
        };
        let mut config = builder.with_no_client_auth();
        // Required by servers for TLS from the first byte on (sslnegotiation=direct).
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_encryption_are_removed_from_the_url() {
        let plain = |url: &str| (url.to_owned(), None);
        assert_eq!(split("postgres://h/d").unwrap(), plain("postgres://h/d"));
        assert_eq!(split("postgres://h/d?sslmode=disable").unwrap(), plain("postgres://h/d"));
        assert_eq!(
            split("postgres://h/d?connect_timeout=3&sslmode=verify-full&sslrootcert=/a%20b.pem&options=-c%20jit%3Doff")
                .unwrap(),
            (
                "postgres://h/d?connect_timeout=3&options=-c%20jit%3Doff".to_owned(),
                Some(TrustedRoots::File("/a b.pem".into()))
            )
        );
        assert_eq!(split("postgres://me:a?b@h/d?sslmode=disable").unwrap(), plain("postgres://me:a?b@h/d"));
        assert_eq!(split("postgres://me:a?b@h/d").unwrap(), plain("postgres://me:a?b@h/d"));
        assert_eq!(split("postgres://h/d?sslmode=disable&options=a?b").unwrap(), plain("postgres://h/d?options=a?b"));
        for modes in ["sslmode=require", "sslmode=verify-ca&sslrootcert=system"] {
            assert_eq!(
                split(&format!("postgres://h/d?{modes}")).unwrap(),
                ("postgres://h/d".to_owned(), Some(TrustedRoots::System))
            );
        }
    }

    #[test]
    fn parameters_of_tls_never_lead_to_plain_text() {
        for parameters in [
            "sslrootcert=/a.pem",
            "sslrootcert=system",
            "sslmode=disable&sslrootcert=/a.pem",
            "sslnegotiation=direct",
            "sslmode=prefer&options=a?b",
            "sslrootcert=/a.pem&options=a?b",
            "sslnegotiation=direct&options=a?b",
            "sslmode=verify-full&password=p@ss",
            "sslnegotiation=direct&application_name=shop@eu",
            "application_name=x?sslmode=require",
            "sslmode=require&sslmode=disable",
        ] {
            assert!(split(&format!("postgres://h/d?{parameters}")).is_err(), "{parameters}");
        }
    }

    #[test]
    fn modes_that_let_the_server_decide_are_rejected() {
        for mode in ["allow", "prefer", "", "REQUIRE"] {
            assert!(split(&format!("postgres://h/d?sslmode={mode}")).is_err());
        }
    }
}
