//! Settings: when a variable is unset, how values are parsed, which are rejected, and which have no effect.

mod table;

use std::{fs, process::Output};

use serde_json::{Value, json};

use crate::support::{Database, ORG, Server, issuer, program};

/// The variables of the table in docs/configuration.md.
fn variables() -> Vec<&'static str> {
    let rows = include_str!("../../docs/configuration.md")
        .lines()
        .filter(|line| line.starts_with("| `--") || line.starts_with("| | `"));
    let variables: Vec<_> =
        rows.filter_map(|row| row.split('|').nth(2)?.trim().strip_prefix('`')?.strip_suffix('`')).collect();
    assert!(variables.len() > 20 && variables.contains(&"RUST_LOG"), "{variables:?}");
    variables
}

#[test]
fn an_empty_variable_is_unset() {
    let folder = tempfile::tempdir().unwrap();
    for empty in ["", " \n"] {
        for variable in variables() {
            let output = program().arg("serve").env(variable, empty).current_dir(folder.path()).output().unwrap();
            let expected = "there is no database sqlite:promolink.db (DATABASE_URL is not set)";
            assert!(errors(&output).contains(expected), "{variable}: {}", errors(&output));
        }
    }
}

#[test]
fn all_switches_accept_the_same_spellings() {
    let serve = |variable: &str, value: &str| {
        let mut command = program();
        command.args(["serve", "--database-url", "sqlite:/nowhere/at/all.db"]).env(variable, value);
        errors(&command.output().unwrap())
    };
    for spelling in ["on", "true", "1", "yes", "ON", "True"] {
        assert!(serve("PROMOLINK_MIGRATE", spelling).contains("cannot bring"), "{spelling}");
        assert!(serve("PROMOLINK_DOCUMENTS_ONLY", spelling).contains("requires --documents"), "{spelling}");
    }
    for spelling in ["off", "false", "0", "no", "OFF", "False"] {
        assert!(serve("PROMOLINK_MIGRATE", spelling).contains("there is no database"), "{spelling}");
        assert!(serve("PROMOLINK_DOCUMENTS_ONLY", spelling).contains("there is no database"), "{spelling}");
    }
    for spelling in ["on", "true", "1", "off", "false", "0", "On", "FALSE"] {
        for variable in ["PROMOLINK_GRAPHIQL", "PROMOLINK_INTROSPECTION"] {
            assert!(serve(variable, spelling).contains("there is no database"), "{variable}={spelling}");
        }
    }
    assert!(serve("PROMOLINK_GRAPHIQL", "maybe").contains("it must be on or off"));
}

#[tokio::test(flavor = "multi_thread")]
async fn white_space_around_values_is_ignored() {
    let database = Database::sqlite();
    database.open().await;
    let [issuer, audience, (_, secret)] = issuer::VARIABLES;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("\t{secret} \r\n\n")).unwrap();
    let padded = |(_, value): (&str, &str)| format!(" {value}\n");
    let (issuer, audience) = (padded(issuer), padded(audience));
    let file = format!(" {}\n", file.path().display());
    let spaced = Database::at(format!(" {}\n", database.url));
    let server = Server::serve(
        &spaced,
        &[
            ("PROMOLINK_JWT_ISSUER", &issuer),
            ("PROMOLINK_JWT_AUDIENCE", &audience),
            ("PROMOLINK_JWT_SECRET_FILE", &file),
            ("PROMOLINK_LIMITS", " storefront.links=5 ,customer.links=3, \n"),
            ("PROMOLINK_CORS_ORIGINS", " https://a.example , https://b.example\n"),
            ("PROMOLINK_GRAPHIQL", " on\n"),
            ("PROMOLINK_SHUTDOWN_GRACE", "5s\n"),
        ],
    );
    let wallet = "{ customerPromotions(customerId: 1) { nodes { id } } }";
    let data = server.caller(&issuer::token(ORG, 1)).data(wallet, Value::Null).await;
    assert_eq!(data["customerPromotions"]["nodes"], json!([]));
    assert_eq!(reqwest::get(server.url("/graphiql")).await.unwrap().status(), 200);
    for origin in ["https://a.example", "https://b.example"] {
        let request = reqwest::Client::new().get(server.url("/graphql")).header("origin", origin);
        assert_eq!(request.send().await.unwrap().headers()["access-control-allow-origin"], origin);
    }
    assert!(server.log().contains("\"limits\":\"storefront.links=5,customer.links=3\""), "{}", server.log());
}

#[test]
fn wrong_settings_end_with_exit_code_2_before_the_first_connection() {
    for (variable, value, expected) in [
        ("PROMOLINK_LIMITS", "foo", "must be ROLE.LIMIT=NUMBER"),
        ("PROMOLINK_CORS_ORIGINS", "shop.example", "an origin must be written as browsers send it"),
        ("PROMOLINK_CORS_ORIGINS", "https://a.example,https://*.example", "wildcards are not supported"),
        ("PROMOLINK_DOCUMENT_LIMITS", "x=1", "\"x\" is not a limit"),
        ("PROMOLINK_JWT_ISSUER", "x", "is missing"),
        ("PROMOLINK_DOCUMENTS", "/nowhere/documents.json", "/nowhere/documents.json: No such file"),
        ("PROMOLINK_METRICS_LISTEN", "9464", "'--metrics-listen <ADDRESS>'"),
        ("PROMOLINK_SHUTDOWN_GRACE", "soon", "it must be a duration"),
        ("PROMOLINK_LISTEN", "localhost:8080", "it must be an IP address and a port"),
        ("PROMOLINK_JWT_SECRET", "short", "--jwt-audience are required"),
        ("READ_DATABASE_URL", "sqlite:replica.db", "--read-database-url must be the URL of a PostgreSQL database"),
        ("READ_DATABASE_URL", "postgres://h/d?sslmode=prefer", "sslmode must be one of"),
        ("DATABASE_URL", "foo", "neither sqlite:PATH nor postgres://"),
        ("DATABASE_URL", "sqlite:d.db?mode=rwc", "use sqlite:d.db"),
        ("DATABASE_URL", "sqlite:file:f.db", "use sqlite:f.db"),
        ("DATABASE_URL", "postgres://127.0.0.1:port/d", "port"),
        ("DATABASE_URL", "postgres://shop:p@ss/word@127.0.0.1:1/d", "write @ as %40"),
        ("RUST_LOG", "inof", "\"inof\" is neither LEVEL nor TARGET=LEVEL"),
        ("RUST_LOG", "warn;promolink=info", "\"warn;promolink=info\" is neither LEVEL nor TARGET=LEVEL"),
        ("RUST_LOG", "warn,promolink=inof", "\"promolink=inof\" is neither LEVEL nor TARGET=LEVEL"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = program().arg("serve").env(variable, value).current_dir(folder.path()).output().unwrap();
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{variable}={value}: {errors}");
        assert!(errors.starts_with("error: ") && errors.contains(expected), "{variable}={value}: {errors}");
        assert!(!errors.contains("p@ss") && !errors.contains("stack backtrace"), "{errors}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{variable}={value} created a file");
    }
    for arguments in [
        &["dev", "--listen", "0.0.0.0:0"][..],
        &["migrate", "--database-url", "postgres://me:secret@127.0.0.1:1/x"],
        &["check", "--database-url", "sqlite:/nowhere/at/all.db"],
        &["key", "create", "--org", "1", "--role", "admin", "--expires-in", "0s"],
    ] {
        assert_eq!(program().args(arguments).output().unwrap().status.code(), Some(2), "{arguments:?}");
    }
    // A database that can't be reached may be back later.
    let away = program().args(["check", "--database-url", "postgres://127.0.0.1:1/x"]).output().unwrap();
    assert_eq!(away.status.code(), Some(1), "{}", errors(&away));
}

#[test]
fn the_help_and_the_systemd_unit_have_the_exit_codes() {
    let help = String::from_utf8(program().arg("--help").output().unwrap().stdout).unwrap();
    assert!(help.contains("Exit codes:") && help.contains("\n  2    invalid settings"), "{help}");
    assert!(include_str!("../../deploy/promolink.service").contains("\nRestartPreventExitStatus=2\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_without_effect_are_logged_at_the_start() {
    let database = Database::sqlite();
    database.open().await;
    let documents = tempfile::NamedTempFile::new().unwrap();
    fs::write(documents.path(), json!({ "sha256:x": "query { nothing }", "sha256:y": "{ __typename }" }).to_string())
        .unwrap();
    let server = Server::serve(
        &database,
        &[
            ("PROMOLINK_LIMIT", "storefront.links=5"),
            ("PROMOLINK_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("PROMOLINK_DOCUMENTS", documents.path().to_str().unwrap()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ],
    );
    // The documents are checked after the greeting.
    let mut log = server.log();
    for _ in 0..100 {
        if log.contains("persisted documents are invalid") {
            break;
        }
        log = server.log();
    }
    let warnings: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .filter(|line: &Value| line["level"] == "WARN")
        .collect();
    let unknown = warnings.iter().find(|line| line["variables"] == "PROMOLINK_LIMIT");
    assert!(unknown.is_some(), "{log}");
    let invalid = warnings.iter().find(|line| line["id"] == "x").expect(&log);
    assert!(invalid["count"] == 1 && invalid["reason"].as_str().unwrap().contains("nothing"), "{invalid}");
    let traces = warnings.iter().any(|line| line["variable"] == "OTEL_EXPORTER_OTLP_ENDPOINT");
    assert_eq!(traces, !cfg!(feature = "otlp"), "{log}");
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
