//! Databases full of codes, on a disposable PostgreSQL.

use std::{fs, process::Command};

use super::{
    cluster::{self, Cluster},
    process,
};

/// Options of PostgreSQL: durable, as by default, but with memory for the data, connections for the clients, and no
/// checkpoint during a measurement.
const SETTINGS: &str = "-c max_connections=400 -c shared_buffers=6GB -c max_wal_size=16GB -c checkpoint_timeout=1h \
                        -c autovacuum_naptime=1h";

/// The numbers of codes and organisations. The codes are distributed to the organisations in turn. Each belongs to a
/// campaign without limits and can be linked once.
#[derive(Debug, Clone, Copy)]
pub struct Codes {
    pub count: u64,
    pub orgs: u64,
}

impl Codes {
    /// The organisation and the code of the request with this number. Successive codes are far apart in the tables, as
    /// the codes of real customers are.
    pub fn pick(&self, place: u64) -> (u64, u64) {
        assert!(place < self.count, "no codes are left: measure for a shorter time");
        let index = place * STRIDE % self.count;
        (index % self.orgs + 1, FIRST_CODE + index)
    }
}

/// A prime that divides none of the numbers of codes used here, so that each code occurs once.
pub const STRIDE: u64 = 7919;
/// The first code. Codes are consecutive numbers.
pub const FIRST_CODE: u64 = 1_000_000_000;

/// A PostgreSQL server, and databases in it.
pub struct Databases(Cluster);

/// A database that measurements start from a copy of.
pub struct Template {
    name: String,
    /// An API key for each organisation.
    pub keys: Vec<String>,
}

impl Databases {
    pub fn start() -> Self {
        Self(Cluster::start(SETTINGS))
    }

    /// A new database. Returns its URL.
    pub fn empty(&self, name: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.0.url(name)
    }

    /// Creates and fills a database.
    pub fn template(&self, codes: Codes) -> Template {
        let Codes { count, orgs } = codes;
        eprintln!("filling a database with {count} codes of {orgs} organisations");
        let name = format!("template_{count}_{orgs}");
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        let url = self.0.url(&name);
        process::migrate(&url);
        let keys = (1..=orgs).map(|org| process::create_key(&url, org, "service")).collect();
        self.sql(
            &name,
            &format!(
                "INSERT INTO campaigns SELECT org, lpad(org::text, 32, '0')::uuid, 'Spring', 1, true, 0, 0, \
                     32503680000000, NULL, NULL, 1 FROM generate_series(1, {orgs}) org;
                 INSERT INTO promotion_codes SELECT index % {orgs} + 1, 1, index + {FIRST_CODE}, index + {FIRST_CODE}, \
                     lpad((index % {orgs} + 1)::text, 32, '0')::uuid, 0, NULL, 1, 0 \
                     FROM generate_series(0::bigint, {count} - 1) index;
                 CREATE EXTENSION pg_prewarm;
                 VACUUM (FREEZE, ANALYZE);"
            ),
        );
        Template { name, keys }
    }

    /// Creates a copy of a database, read into memory, and drops the previous copy. Returns its URL.
    pub fn copy(&self, template: &Template) -> String {
        self.sql("postgres", "DROP DATABASE IF EXISTS run WITH (FORCE)");
        self.sql("postgres", &format!("CREATE DATABASE run TEMPLATE {} STRATEGY file_copy", template.name));
        self.sql(
            "run",
            "SELECT pg_prewarm(oid) FROM pg_class WHERE relkind IN ('r', 'i') AND relname LIKE 'promotion%'; CHECKPOINT;",
        );
        self.0.url("run")
    }

    /// The CPU time that PostgreSQL has used, in seconds.
    pub fn cpu(&self) -> f64 {
        let file = fs::read_to_string(self.0.directory.join("data/postmaster.pid")).unwrap();
        process::cpu_of_tree(file.lines().next().unwrap().parse().unwrap())
    }

    /// Executes statements in a database, each in a separate transaction.
    pub fn sql(&self, database: &str, statements: &str) {
        let mut command = Command::new(cluster::binaries().join("psql"));
        // Statements such as VACUUM can't run in a shared transaction.
        command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]);
        command.arg(self.0.url(database));
        for statement in statements.split_inclusive(';') {
            command.arg("--command").arg(statement);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
