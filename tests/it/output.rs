//! Standard output and standard error that can't be written: the disk is full, or the reader has closed the pipe.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::support::{Database, on_both_databases, program};

on_both_databases! {
    async fn completed_work_is_reported_on_standard_error_if_standard_output_fails(database: Database) {
        let migrated = run_with_stdout(full_disk(), &mut promolink(&database, &["migrate"]));
        assert_eq!((migrated.status.code(), errors(&migrated).contains("applied 2026-")), (Some(0), true), "{migrated:?}");
        let again = run_with_stdout(closed_pipe(), &mut promolink(&database, &["migrate"]));
        assert_eq!((again.status.code(), errors(&again).contains("is up to date")), (Some(0), true), "{again:?}");
        let key = database.key(7, "admin");
        let id = key.split('_').nth(2).unwrap().parse::<uuid::Uuid>().unwrap().to_string();
        let revoked = run_with_stdout(full_disk(), &mut promolink(&database, &["key", "revoke", "--org", "7", &id]));
        assert_eq!((revoked.status.code(), errors(&revoked).contains("revoked")), (Some(0), true), "{revoked:?}");
    }

    async fn a_result_that_cannot_be_written_is_a_one_line_error(database: Database) {
        database.open().await;
        database.key(7, "admin");
        for arguments in [&["--help"][..], &["schema"], &["schema", "--federation"], &["migrate", "--status"], &["key", "list", "--org", "7"], &["check"]] {
            let output = run_with_stdout(full_disk(), &mut promolink(&database, arguments));
            let errors = errors(&output);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
            assert!(errors.starts_with("error: cannot write") && errors.lines().count() == 1, "{arguments:?}: {errors}");
            // A reader that closes the pipe, such as `head`, has read enough.
            let output = run_with_stdout(closed_pipe(), &mut promolink(&database, arguments));
            assert_eq!((output.status.code(), self::errors(&output).as_str()), (Some(0), ""), "{arguments:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_print_its_greeting_still_serves() {
    let database = Database::sqlite();
    database.open().await;
    for (command, output) in [("serve", full_disk()), ("serve", closed_pipe()), ("dev", full_disk())] {
        let mut server = promolink(&database, &[command, "--listen", "127.0.0.1:0"]);
        let mut server = server.stdout(output).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(server.stderr.take().unwrap()).lines().map(Result::unwrap);
        let started = log.into_iter().find(|line| line.contains("the server has started")).unwrap();
        let address = match serde_json::from_str::<Value>(&started) {
            Ok(line) => line["address"].as_str().unwrap().to_owned(),
            Err(_) => started.split("address=").nth(1).unwrap().split(' ').next().unwrap().to_owned(),
        };
        let response = reqwest::get(format!("http://{address}/health")).await.unwrap();
        assert_eq!(response.status(), 200, "{command}");
        Command::new("kill").arg(server.id().to_string()).status().unwrap();
        assert_eq!(server.wait().unwrap().code(), Some(0), "{command}");
    }
}

#[test]
fn a_key_is_created_and_printed_if_standard_error_fails() {
    let database = Database::sqlite();
    assert!(promolink(&database, &["migrate"]).output().unwrap().status.success());
    let mut create = promolink(&database, &["key", "create", "--org", "7", "--role", "admin"]);
    let output = create.stderr(full_disk()).output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"plk_7_"), "{output:?}");
}

#[test]
fn a_key_in_the_wrong_place_is_not_echoed() {
    let database = Database::sqlite();
    assert!(promolink(&database, &["migrate"]).output().unwrap().status.success());
    let key = database.key(7, "admin");
    let secret = &key[key.len() - 64..];
    let campaign = "0190b5a0-0000-7000-8000-000000000001";
    for arguments in [
        &["key", "revoke", "--org", &key][..],
        &["key", "revoke", "--org", secret],
        &["key", "revoke", "--org", "7", "7", &key],
        &["key", "create", "--org", "7", "--role", &key],
        &["key", "list", &format!("--org={key}")],
        &["codes", "export", "--org", "7", "--campaign", &key],
        &["codes", "import", &key, "--org", "7", "--campaign", campaign],
        &["serve", "--documents", &key],
        &["--listen", &key],
        &[&key],
    ] {
        let output = promolink(&database, arguments).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!output.status.success() && said.contains("***") && !said.contains(secret), "{arguments:?}: {said}");
    }
}

#[test]
fn errors_have_no_backtrace() {
    let mut migrate = program();
    migrate.args(["migrate", "--database-url", "sqlite:/nowhere/at/all.db"]);
    let output = migrate.env("RUST_BACKTRACE", "1").output().unwrap();
    let expected = "error: cannot bring sqlite:/nowhere/at/all.db up to date: the folder /nowhere/at does not exist";
    let errors = errors(&output);
    assert!(errors.starts_with(expected) && errors.lines().count() == 1, "{errors}");
}

/// A file on a full disk.
fn full_disk() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").map(File::into).unwrap()
}

/// A pipe whose reader has closed it.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn run_with_stdout(output: Stdio, command: &mut Command) -> Output {
    command.stdout(output).output().unwrap()
}

fn promolink(database: &Database, arguments: &[&str]) -> Command {
    let mut command = program();
    command.args(arguments).env("DATABASE_URL", &database.url);
    command
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
