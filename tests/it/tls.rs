//! PostgreSQL over TLS: the certificate must be from a trusted authority and for the host in the URL.

use std::{fs, net::TcpListener, os::unix::fs::chown, path::Path, process::Command};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::support::{Cluster, Database, ORG, Server, campaign, code_of, program, user_instead_of_root};

#[tokio::test(flavor = "multi_thread")]
async fn links_use_tls_if_the_url_requires_it() {
    let postgres = Postgres::start();
    let url = postgres.url("localhost", "sslmode=require", Some("authority.pem"));
    let inside = Database::at(postgres.socket_url());
    inside.seed(&[campaign("Spring").code("A", None)]).await;
    let key = inside.key(ORG, "service");
    let server = Server::serve(&Database::at(url.clone()), &[("READ_DATABASE_URL", &url)]);
    let caller = server.caller(&key);
    assert_eq!(code_of(&caller.link(1, "A").await), "OK");
    // The port accepts only TLS, so any session through it proves TLS.
    let by_port = "SELECT count(*) AS number FROM pg_stat_activity WHERE client_addr IS NOT NULL";
    assert!(inside.session().await.number(by_port).await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_server_without_a_valid_certificate_is_rejected() {
    let postgres = Postgres::start();
    for (host, mode, authority, why) in [
        ("localhost", "sslmode=require", None, "UnknownIssuer"),
        ("localhost", "sslmode=verify-ca", Some("stranger.pem"), "invalid peer certificate"),
        ("127.0.0.1", "sslmode=verify-full", Some("authority.pem"), "not valid for name"),
        ("localhost", "sslmode=require", Some("none.pem"), "none.pem"),
        ("localhost", "sslmode=disable", None, "no encryption"),
        ("localhost", "sslmode=prefer", None, "disable, require, verify-ca, verify-full"),
    ] {
        for command in [&["migrate"][..], &["serve", "--listen=127.0.0.1:0", "--migrate"], &["check"]] {
            // Stops a server that starts against expectation.
            let mut limited = Command::new("timeout");
            limited.arg("10").arg(program().get_program()).args(command);
            let output = limited.env("DATABASE_URL", postgres.url(host, mode, authority)).output().unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && errors.contains(why), "{command:?} {mode}: {errors}");
        }
    }
}

/// A PostgreSQL server with a certificate for localhost, whose port accepts only TLS.
struct Postgres {
    cluster: Cluster,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let authority = authority();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        fs::write(path.join("authority.pem"), authority.pem()).unwrap();
        fs::write(path.join("stranger.pem"), self::authority().pem()).unwrap();
        fs::write(path.join("server.pem"), certificate.pem()).unwrap();
        write_secret(&path.join("server.key"), &key.serialize_pem());
        let hba = "local all all trust\nhostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust\n";
        fs::write(path.join("hba.conf"), hba).unwrap();
        if let Some(user) = user_instead_of_root() {
            for file in ["", "hba.conf", "server.pem", "server.key"] {
                chown(path.join(file), Some(user), None).unwrap();
            }
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = path.display();
        let cluster = Cluster::start(&format!(
            "-c listen_addresses=localhost -c port={port} -c fsync=off -c ssl=on -c ssl_cert_file={path}/server.pem \
             -c ssl_key_file={path}/server.key -c hba_file={path}/hba.conf"
        ));
        Self { cluster, folder, port }
    }

    /// The URL of its database, through the port.
    fn url(&self, host: &str, mode: &str, authority: Option<&str>) -> String {
        let file = authority.map(|file| format!("&sslrootcert={}/{file}", self.folder.path().display()));
        format!("postgres://promolink@{host}:{}/postgres?{mode}{}", self.port, file.unwrap_or_default())
    }

    /// The URL of its database, through a socket without TLS.
    fn socket_url(&self) -> String {
        self.cluster.url("postgres").replace("/postgres", &format!(":{}/postgres", self.port))
    }
}

/// A certificate authority.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a key that only its owner can read, because PostgreSQL rejects others.
fn write_secret(path: &Path, text: &str) {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};

    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
