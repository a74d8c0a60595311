//! Puts the GraphiQL page into the program: bundled by npm from `graphiql/`, or else one that loads GraphiQL from a CDN.
//!
//! It writes `graphiql.rs` into the build folder, the files of the page with what `src/http/graphiql.rs` has to know of
//! them. The source tree stays as it is, and as long as `graphiql/` does too, nothing is done again.

use std::{
    env,
    error::Error,
    ffi::OsStr,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use flate2::{Compression, write::GzEncoder};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What the page may load and do (Content Security Policy). The editor sets styles of its own as it goes.
const BUNDLED_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; \
                              font-src 'self' data:; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                              form-action 'none'; frame-ancestors 'none'";
const CDN_POLICY: &str = "default-src 'none'; script-src 'self' https://unpkg.com; \
                          style-src 'self' 'unsafe-inline' https://unpkg.com; font-src data:; img-src 'self' data:; \
                          connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page: its name in the page's folder, and where it is.
type File = (String, PathBuf);

fn main() -> Outcome<()> {
    println!("cargo::rerun-if-changed=graphiql");
    println!("cargo::rerun-if-changed=build.rs");
    let build = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let source = Path::new("graphiql");
    let (files, policy, hashed) = if env::var_os("CARGO_FEATURE_BUNDLED_GRAPHIQL").is_none() {
        (unbundled(source), CDN_POLICY, false)
    } else {
        match bundled(source, &build.join("graphiql")) {
            Ok(files) => (files, BUNDLED_POLICY, true),
            Err(error) => {
                println!(
                    "cargo::warning=GraphiQL was not bundled, and its page will load it from a CDN: {error}. With npm and \
                     Node.js 18 or later, `touch build.rs` and build again; or do without by --no-default-features."
                );
                (unbundled(source), CDN_POLICY, false)
            }
        }
    };
    let packed = build.join("packed");
    fs::create_dir_all(&packed)?;
    let mut code = format!("const POLICY: &str = {policy:?};\n\nconst FILES: &[File] = &[\n");
    for (name, path) in &files {
        let content = fs::read(path)?;
        let gzip = packed.join(name);
        fs::write(&gzip, compress(&content)?)?;
        writeln!(
            code,
            "    File {{ name: {name:?}, content_type: {:?}, etag: {:?}, immutable: {}, gzip: include_bytes!({:?}) }},",
            content_type(name)?,
            etag(&content),
            hashed && name != PAGE,
            gzip.to_string_lossy(),
        )?;
    }
    code.push_str("];\n");
    fs::write(build.join("graphiql.rs"), code)?;
    Ok(())
}

/// The page itself.
const PAGE: &str = "index.html";

/// The files of the page as npm bundles it.
fn bundled(source: &Path, build: &Path) -> Outcome<Vec<File>> {
    let made = source.join("dist");
    if made.exists() {
        return files_of(&made);
    }
    if build.exists() {
        fs::remove_dir_all(build)?;
    }
    copy(source, build)?;
    // What the packages would run when they are installed is not needed.
    npm(build, &["ci", "--ignore-scripts", "--no-audit", "--no-fund"])?;
    npm(build, &["run", "build"])?;
    // The packages take hundreds of megabytes.
    fs::remove_dir_all(build.join("node_modules"))?;
    files_of(&build.join("dist"))
}

/// The files of the page as browsers can load it from a CDN.
fn unbundled(source: &Path) -> Vec<File> {
    let files = ["cdn/index.html", "cdn/page.js", "src/fetcher.js", "src/icon.svg", "src/opening.js", "src/page.css"];
    files.map(|file| (file.rsplit('/').next().unwrap_or(file).to_owned(), source.join(file))).into()
}

/// The page that was built into a folder, and its files in the folder `graphiql` there.
fn files_of(folder: &Path) -> Outcome<Vec<File>> {
    let mut files = vec![(PAGE.to_owned(), folder.join(PAGE))];
    for entry in fs::read_dir(folder.join("graphiql"))? {
        let entry = entry?;
        files.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    files.sort();
    Ok(files)
}

/// Copies a folder, but for what was installed or built there.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        if entry.file_type()?.is_dir() {
            if name != "node_modules" && name != "dist" {
                copy(&path, &to.join(name))?;
            }
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

fn npm(folder: &Path, arguments: &[&str]) -> Outcome<()> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let command = format!("npm {}", arguments.join(" "));
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.map_err(|error| format!("`{command}` can't be run ({error})"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.lines().find(|line| line.contains("rror")).unwrap_or("it does not say why");
    Err(format!("`{command}` failed ({})", reason.trim()).into())
}

fn compress(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

fn etag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    // Weak: the same for whichever encoding it is sent in (RFC 9110, section 8.8.3).
    format!("W/\"{:016x}\"", hasher.finish())
}

fn content_type(name: &str) -> Result<&'static str, String> {
    match Path::new(name).extension().and_then(OsStr::to_str) {
        Some("html") => Ok("text/html; charset=utf-8"),
        Some("js") => Ok("text/javascript; charset=utf-8"),
        Some("css") => Ok("text/css; charset=utf-8"),
        Some("svg") => Ok("image/svg+xml"),
        Some("ttf") => Ok("font/ttf"),
        _ => Err(format!("build.rs does not know the content type of {name}")),
    }
}
