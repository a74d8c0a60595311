//! Whether the way to PostgreSQL is encrypted, and whom to believe that it leads there: what a URL says of it in libpq's
//! words, `sslmode` and `sslrootcert` (<https://www.postgresql.org/docs/current/libpq-ssl.html>).
//!
//! There are two ways only. A certificate that nobody looks at protects from nobody who can come between, so all modes
//! that encrypt are as strict as `verify-full`, and those that leave it to the server to decide are refused.

use std::{path::PathBuf, sync::Arc};

use percent_encoding::percent_decode_str;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;

/// Who may vouch for the server.
#[derive(Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Those that this machine trusts.
    System,
    /// Those whose certificates are in a PEM file.
    File(PathBuf),
}

/// A URL without what it says of encryption, and what that is: nothing for a way in plain text.
pub fn split(url: &str) -> Result<(String, Option<Authorities>), String> {
    // As the driver reads it: a password, up to the first @, may have a question mark in it.
    let host = url.find('@').unwrap_or_default();
    let (address, parameters) = match url[host..].find('?') {
        Some(mark) => (&url[..host + mark], Some(&url[host + mark + 1..])),
        None => (url, None),
    };
    let (mut mode, mut file, mut rest) = (None, None, Vec::new());
    for parameter in parameters.into_iter().flat_map(|parameters| parameters.split('&')) {
        match parameter.split_once('=') {
            Some(("sslmode", _)) if mode.is_some() => return Err("sslmode is there twice".to_owned()),
            Some(("sslmode", said)) => mode = Some(said),
            Some(("sslrootcert", path)) => {
                let path = percent_decode_str(path).decode_utf8().map_err(|_| "sslrootcert is not UTF-8".to_owned())?;
                file = Some(PathBuf::from(&*path));
            }
            _ => rest.push(parameter),
        }
    }
    let encrypted = match mode {
        None | Some("disable") => false,
        Some("require" | "verify-ca" | "verify-full") => true,
        Some(_) => return Err("sslmode is one of disable, require, verify-ca, verify-full".to_owned()),
    };
    // Whoever says any of this wants TLS, and must not be given less.
    if !encrypted && (file.is_some() || rest.contains(&"sslnegotiation=direct")) {
        return Err("sslrootcert and sslnegotiation=direct want sslmode=verify-full beside them".to_owned());
    }
    // Nor whoever says it where the driver would read it as a part of something else.
    let left = [&[address], rest.as_slice()].concat().join("&");
    if left.contains("sslmode=") || left.contains("sslrootcert=") || address.contains("sslnegotiation=") {
        return Err("in a password or parameter, @ is written %40 and ? is written %3F".to_owned());
    }
    let url = if rest.is_empty() { address.to_owned() } else { format!("{address}?{}", rest.join("&")) };
    let file = file.filter(|file| file.as_os_str() != "system");
    Ok((url, encrypted.then(|| file.map_or(Authorities::System, Authorities::File))))
}

impl Authorities {
    /// How to speak with a server that these vouch for. Reads files, for each connection: certificates are replaced.
    pub fn config(&self) -> Result<ClientConfig, Box<dyn std::error::Error + Send + Sync>> {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?;
        let builder = match self {
            Self::System => builder.with_platform_verifier()?,
            Self::File(path) => {
                let unreadable = |error| format!("cannot read certificates from {}: {error}", path.display());
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                    roots.add(certificate.map_err(unreadable)?)?;
                }
                if roots.is_empty() {
                    return Err(format!("there is no certificate in {}", path.display()).into());
                }
                builder.with_root_certificates(roots)
            }
        };
        let mut config = builder.with_no_client_auth();
        // Servers that are spoken to in TLS from the first byte on (sslnegotiation=direct) want to hear what follows.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_says_of_encryption_is_taken_out_of_it() {
        let plain = |url: &str| (url.to_owned(), None);
        assert_eq!(split("postgres://h/d").unwrap(), plain("postgres://h/d"));
        assert_eq!(split("postgres://h/d?sslmode=disable").unwrap(), plain("postgres://h/d"));
        assert_eq!(
            split("postgres://h/d?connect_timeout=3&sslmode=verify-full&sslrootcert=/a%20b.pem&options=-c%20jit%3Doff")
                .unwrap(),
            (
                "postgres://h/d?connect_timeout=3&options=-c%20jit%3Doff".to_owned(),
                Some(Authorities::File("/a b.pem".into()))
            )
        );
        assert_eq!(split("postgres://me:a?b@h/d?sslmode=disable").unwrap(), plain("postgres://me:a?b@h/d"));
        assert_eq!(split("postgres://me:a?b@h/d").unwrap(), plain("postgres://me:a?b@h/d"));
        assert_eq!(split("postgres://h/d?sslmode=disable&options=a?b").unwrap(), plain("postgres://h/d?options=a?b"));
        for modes in ["sslmode=require", "sslmode=verify-ca&sslrootcert=system"] {
            assert_eq!(
                split(&format!("postgres://h/d?{modes}")).unwrap(),
                ("postgres://h/d".to_owned(), Some(Authorities::System))
            );
        }
    }

    #[test]
    fn what_only_makes_sense_with_tls_is_no_way_to_plain_text() {
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
    fn no_mode_leaves_it_to_the_server() {
        for mode in ["allow", "prefer", "", "REQUIRE"] {
            assert!(split(&format!("postgres://h/d?sslmode={mode}")).is_err());
        }
    }
}
