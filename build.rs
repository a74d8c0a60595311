//! Embeds the GraphiQL page into the program: npm bundles it from `graphiql/`. Without npm, or without the feature
//! `bundled-graphiql`, the program gets a page that says how to build GraphiQL in.
//!
//! It writes `graphiql.rs` into the build directory: the files of the page, compressed, and what `src/http/graphiql.rs`
//! has to know about them. The source tree stays as it is. Cargo runs this again only after a change in `graphiql/`.

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

/// The page's Content Security Policy. The editor sets inline styles while it runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; \
                      font-src 'self' data:; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// A file of the page: its name, and its path.
type File = (String, PathBuf);

fn main() -> Outcome<()> {
    println!("cargo::rerun-if-changed=graphiql");
    println!("cargo::rerun-if-changed=build.rs");
    let build = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let source = Path::new("graphiql");
    let files = if env::var_os("CARGO_FEATURE_BUNDLED_GRAPHIQL").is_none() {
        missing(source)
    } else {
        bundled(source, &build.join("graphiql")).unwrap_or_else(|error| {
            println!(
                "cargo::warning=This build has no GraphiQL: {error}. Everything else works. To get GraphiQL, install \
                 Node.js 18 or later with npm, then run `touch build.rs` and build again. To do without it and without \
                 this warning, build with --no-default-features."
            );
            missing(source)
        })
    };
    let packed = build.join("packed");
    fs::create_dir_all(&packed)?;
    let mut code = format!("const POLICY: &str = {POLICY:?};\n\nconst FILES: &[File] = &[\n");
    for (name, path) in &files {
        let content = fs::read(path)?;
        let gzip = packed.join(name);
        fs::write(&gzip, compress(&content)?)?;
        writeln!(
            code,
            "    File {{ name: {name:?}, content_type: {:?}, etag: {:?}, immutable: {}, gzip: include_bytes!({:?}) }},",
            content_type(name)?,
            etag(&content),
            name != PAGE,
            gzip.to_string_lossy(),
        )?;
    }
    code.push_str("];\n");
    fs::write(build.join("graphiql.rs"), code)?;
    Ok(())
}

/// The page itself.
const PAGE: &str = "index.html";

/// The files of GraphiQL as npm bundles them. Their names contain a hash of their content.
fn bundled(source: &Path, build: &Path) -> Outcome<Vec<File>> {
    let prebuilt = source.join("dist");
    if prebuilt.exists() {
        return files_of(&prebuilt);
    }
    if build.exists() {
        fs::remove_dir_all(build)?;
    }
    copy(source, build)?;
    // The packages' install scripts are not needed.
    npm(build, &["ci", "--ignore-scripts", "--no-audit", "--no-fund"])?;
    npm(build, &["run", "build"])?;
    // The packages take hundreds of megabytes.
    fs::remove_dir_all(build.join("node_modules"))?;
    files_of(&build.join("dist"))
}

/// The page that says how to get GraphiQL.
fn missing(source: &Path) -> Vec<File> {
    vec![(PAGE.to_owned(), source.join("missing").join(PAGE))]
}

/// The page that Vite built into a directory, and the assets in its subdirectory `graphiql`.
fn files_of(folder: &Path) -> Outcome<Vec<File>> {
    let mut files = vec![(PAGE.to_owned(), folder.join(PAGE))];
    for entry in fs::read_dir(folder.join("graphiql"))? {
        let entry = entry?;
        files.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    files.sort();
    Ok(files)
}

/// Copies a directory without what was installed or built in it.
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
    let output = output.map_err(|error| format!("`{command}` can't run ({error})"))?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let reason = errors.lines().find(|line| line.contains("rror")).unwrap_or("it printed no error");
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
    // Weak: the same for every content encoding (RFC 9110, section 8.8.3).
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
