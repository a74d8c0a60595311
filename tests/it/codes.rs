//! `promolink codes`: generation, import and export of codes by the million.

mod files;

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use uuid::Uuid;

use crate::support::{
    Database, ORG, Server, TestCampaign, campaign, code_of, on_all_databases, on_both_databases, program,
};

on_all_databases! {
    async fn generating_again_adds_as_many_new_codes(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let list = shop.path("codes.csv");
        let mut seen = HashSet::new();
        for _ in 0..2 {
            shop.succeeds("generate", &["--count", "12000", "--pattern", "SUN-########", "--out", &list]);
            let text = fs::read_to_string(&list).unwrap();
            let codes: Vec<&str> = text.strip_prefix("code\n").unwrap().lines().collect();
            assert_eq!(codes.len(), 12_000);
            for code in codes {
                let random = code.strip_prefix("SUN-").unwrap();
                assert!(random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{code}");
                assert!(seen.insert(code.to_owned()), "{code} twice");
            }
        }
        let exported: HashSet<String> = shop.export().into_iter().map(|row| row[0].clone()).collect();
        assert!(exported == seen);
    }

    async fn generated_codes_are_printed_and_have_the_requested_limit(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        for (limit, column) in [("3", "3"), ("none", ""), ("1", "1")] {
            let listed = shop.succeeds("generate", &["--count", "1", "--max-links", limit]);
            let code = listed.strip_prefix("code\n").unwrap().trim_end();
            let row = shop.export().into_iter().find(|row| row[0] == code).unwrap();
            assert_eq!(row[3], column);
        }
    }

    async fn a_pattern_that_is_too_short_is_rejected_with_a_sufficient_length(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let list = shop.path("codes.csv");
        let errors = shop.fails("generate", &["--count", "12000", "--pattern", "S-####", "--out", &list]);
        assert!(errors.contains("at least 6 #"), "{errors}");
        assert!(!fs::exists(&list).unwrap());
        assert_eq!(shop.export(), [] as [Row; 0]);
    }

    async fn an_interrupted_generation_lists_every_code_that_it_added(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let list = shop.path("codes.csv");
        let process = shop.start("generate", &["--count", "500000000", "--pattern", "############", "--out", &list]);
        while !fs::read_to_string(&list).is_ok_and(|text| text.lines().count() > 5_000) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
        let output = process.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains("interrupted after"), "{}", errors(&output));
        let listed: HashSet<String> = fs::read_to_string(&list).unwrap().lines().skip(1).map(str::to_owned).collect();
        let exported: HashSet<String> = shop.export().into_iter().map(|row| row[0].clone()).collect();
        assert!(listed == exported, "{} listed, {} in the database", listed.len(), exported.len());
    }

    async fn import_reports_bad_rows_by_line_and_keeps_the_others(database: Database) {
        database.seed(&[campaign("Winter").code("ELSEWHERE", Some(1)), campaign("Summer")]).await;
        let shop = Shop::of(&database, "Summer").await;
        let rows: [&[u8]; 14] = [
            b"\xef\xbb\xbfnote,Code ,customer_id",
            b"x,GOOD-1,",
            b"\"two\nlines, and a \"\"quote\"\"\",GOOD-2,42",
            b"",
            b"x,,7",
            b"x,GOOD-3,seven",
            b"x,ELSEWHERE,",
            b"\xff,GOOD-4,43",
            b"x,\xff,",
            b"x,GOOD-5",
            b"\"a\n\nb\",\"LINE\nBREAK\",",
            b"x,good-2,44",
            b"x,GOOD-6,-1",
            b"x,\"OPEN,1\nx,SWALLOWED,2",
        ];
        for end in ["\n", "\r\n"] {
            let file = shop.file("codes.csv", &rows.join(end.as_bytes()));
            let list = shop.path("bad.csv");
            let errors = shop.fails("import", &[&file, "--rejects", &list, "--ignore", "note"]);
            assert!(errors.contains("8 of 12 rows were rejected; the others are kept; 1 links were refused"), "{errors}");
            let rejects = records(&fs::read_to_string(&list).unwrap());
            let expected = [
                ("line", "code", "reason"),
                ("6", "", "must not be empty"),
                ("7", "GOOD-3", "customer_id is malformed"),
                ("8", "ELSEWHERE", "another campaign"),
                ("10", "\u{fffd}", "not UTF-8"),
                ("11", "GOOD-5", "has 2 columns, the header 3"),
                ("12", "LINE\nBREAK", "U+000A, an invisible or control character"),
                ("16", "good-2", "already linked"),
                ("17", "GOOD-6", "customer_id is malformed"),
                ("18", "OPEN,1", "a quote is left open"),
            ];
            assert_eq!(rejects.len(), expected.len(), "{rejects:#?}");
            for (row, (line, code, reason)) in rejects.iter().zip(expected) {
                assert_eq!(row[0], line, "{row:?}");
                assert!(row[1].starts_with(code) && row[2].contains(reason), "{row:?} is not {code:?}, {reason:?}");
            }
        }
        let kept: Vec<[String; 2]> = shop.export().iter().map(|row| [row[0].clone(), row[5].clone()]).collect();
        assert_eq!(kept, [["GOOD-1", ""], ["GOOD-2", "42"], ["GOOD-4", "43"]]);
    }

    async fn a_row_with_only_a_control_character_does_not_end_the_import(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let file = shop.file("codes.csv", b"code\nA\n\0\n\0\nB\nC\n");
        let errors = shop.fails("import", &[&file]);
        assert!(errors.contains("line 3: ") && errors.contains("line 4: "), "{errors}");
        assert!(errors.contains("codes added: 3") && errors.contains("rejected: 2"), "{errors}");
    }

    async fn the_first_bad_rows_are_printed_without_a_rejects_file(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let file = shop.file("codes.csv", format!("code,customer_id\n{}", "A,x\n".repeat(25)).as_bytes());
        let errors = shop.fails("import", &[&file]);
        assert_eq!(errors.lines().filter(|line| line.starts_with("line ")).count(), 20, "{errors}");
        assert!(errors.contains("line 2: the customer_id is malformed"), "{errors}");
        assert!(errors.contains("and 5 more"), "{errors}");
    }

    async fn all_or_nothing_adds_nothing_when_the_last_of_many_rows_is_bad(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let file = shop.file("codes.csv", format!("{}BAD,x\n", numbered(12_000)).as_bytes());
        let errors = shop.fails("import", &[&file, "--all-or-nothing"]);
        assert!(errors.contains("line 12002: "), "{errors}");
        assert!(errors.contains("1 of 12001 rows were rejected, so nothing was changed"), "{errors}");
        assert_eq!(shop.export(), [] as [Row; 0]);
    }

    async fn all_or_nothing_links_nothing_when_the_last_row_is_bad(database: Database) {
        let shop = Shop::open(&database, campaign("Summer").code("HERE", None)).await;
        let file = shop.file("codes.csv", b"code,customer_id\nNEW,1\nHERE,2\nBAD,x\n");
        shop.fails("import", &[&file, "--all-or-nothing"]);
        let kept: Vec<[String; 2]> = shop.export().iter().map(|row| [row[0].clone(), row[5].clone()]).collect();
        assert_eq!(kept, [["HERE", ""]]);
        // Existing links write nothing, and do not make an import fail.
        for rows in ["HERE,2", "HERE,2\nNEW,"] {
            let file = shop.file("again.csv", format!("code,customer_id\n{rows}\n").as_bytes());
            shop.succeeds("import", &[&file, "--all-or-nothing"]);
        }
        assert_eq!(shop.export().len(), 2);
    }

    async fn all_or_nothing_adds_everything_when_no_row_is_bad(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let file = shop.file("codes.csv", numbered(12_000).as_bytes());
        shop.succeeds("import", &[&file, "--all-or-nothing"]);
        assert_eq!(shop.export().len(), 12_000);
    }

    async fn importing_a_file_again_adds_nothing(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let file = shop.file("codes.csv", format!("{}LAST,42\n", numbered(6_000)).as_bytes());
        let first = shop.run("import", &[&file]);
        let counts = "codes added: 6001, there already: 0; linked to the customers of their rows: 1, linked to them before: 0; links refused: 0; rows rejected: 0;";
        assert!(errors(&first).contains(counts), "{}", errors(&first));
        let exported = shop.export();
        let second = shop.run("import", &[&file]);
        assert!(second.status.success());
        let counts = "codes added: 0, there already: 6001; linked to the customers of their rows: 0, linked to them before: 1;";
        assert!(errors(&second).contains(counts), "{}", errors(&second));
        assert!(shop.export() == exported);
    }

    async fn import_reads_standard_input(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let mut process = shop.start("import", &["-"]);
        process.stdin.take().unwrap().write_all(b"code\nPIPED").unwrap();
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        assert_eq!(shop.export()[0][0], "PIPED");
    }

    async fn an_import_that_waits_for_input_can_be_interrupted(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let mut process = shop.start("import", &["-"]);
        let mut input = process.stdin.take().unwrap();
        input.write_all(numbered(5_250).as_bytes()).unwrap();
        while shop.export().len() < 5_000 {}
        Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
        let output = process.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains("stopped after 5000 rows; what was added is kept"), "{}", errors(&output));
        assert_eq!(shop.export().len(), 5_000);
    }

    async fn codes_imported_for_a_customer_are_linked_to_that_customer(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let file = shop.file("codes.csv", b"code,customer_id\nMAILED,42\nFREE,\n");
        shop.succeeds("import", &[&file]);
        let server = Server::start(&database);
        assert_eq!(code_of(&server.link(43, "MAILED").await), "CODE_ALREADY_LINKED");
        let promotion = server.link(42, "MAILED").await["data"]["linkPromotionCode"].take();
        let [held] = &shop.export().into_iter().filter(|row| row[5] == "42").collect::<Vec<_>>()[..] else { panic!() };
        let text = |field: &str| promotion[field].as_str().map_or_else(|| promotion[field].to_string(), str::to_owned);
        assert_eq!(held[5..9], [text("customerId"), text("id"), text("createdOn"), text("state")]);
        assert_eq!(code_of(&server.link(43, "FREE").await), "OK");
    }

    async fn a_code_with_thousands_of_holders_is_exported_completely(database: Database) {
        let shop = Shop::open(&database, campaign("Summer").code("AAA", Some(1)).code("ZZZ", Some(1))).await;
        let rows = (0..2_500).map(|customer| format!("HOT,{customer}\n")).collect::<Vec<_>>().concat();
        let file = shop.file("codes.csv", format!("code,customer_id\n{rows}ZZZ,1\n").as_bytes());
        shop.succeeds("import", &[&file, "--max-links", "none"]);
        let exported = shop.export();
        assert_eq!(exported.len(), 2_502);
        assert_eq!(exported[0][..], ["AAA", &exported[0][1], "false", "1", "0", "", "", "", "", "", "0"].map(str::to_owned));
        assert!(exported[1..2_501].iter().enumerate().all(|(customer, row)| {
            row[0] == "HOT" && row[2..6] == ["false", "", "2500", &customer.to_string()] && row[8] == "ACTIVE" && row[10] == "2500"
        }));
        assert_eq!(exported[2_501][0], "ZZZ");
        assert_eq!(exported[2_501][4..6], ["1", "1"]);
    }

    async fn an_export_succeeds_when_its_reader_stops(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        shop.succeeds("generate", &["--count", "12000"]);
        let mut process = shop.start("export", &[]);
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, HEADER);
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        assert_eq!(errors(&output), "");
    }
}

on_both_databases! {
    async fn unusable_files_and_campaigns_are_explained_and_change_nothing(database: Database) {
        let mut shop = Shop::without_campaign(&database);
        let good = shop.file("good.csv", b"code\nA\n");
        for (command, arguments) in [("generate", &["--count", "1"][..]), ("import", &[&good]), ("export", &[])] {
            let output = shop.run(command, arguments);
            assert!(!output.status.success(), "{output:?}");
            assert!(errors(&output).contains("run `promolink migrate`"), "{}", errors(&output));
        }
        database.seed(&[campaign("Summer")]).await;
        for (command, arguments) in [("generate", &["--count", "1"][..]), ("import", &[&good]), ("export", &[])] {
            let errors = shop.fails(command, arguments);
            assert!(errors.contains(&format!("organisation {ORG} has no campaign {}", shop.campaign)), "{errors}");
        }
        shop.campaign = Shop::of(&database, "Summer").await.campaign;
        for (file, expected) in [
            (&shop.file("empty.csv", b""), "is empty"),
            (&shop.file("blank.csv", b"\r\n\n"), "is empty"),
            (&shop.file("headless.csv", b"A\nB\n"), "with the column `code`, such as `code` or `code,customer_id`, but it is `A`"),
            (&shop.file("endless.csv", &[b"code,customer_id\nA,\"".to_vec(), vec![b'x'; 3 << 20]].concat()), "at line 2"),
        ] {
            let errors = shop.fails("import", &[file]);
            assert!(errors.contains(expected), "{file}: {errors}");
        }
        let (missing, nowhere) = (shop.path("missing.csv"), shop.path("missing/list.csv"));
        for (command, arguments) in [
            ("import", &[missing.as_str()][..]),
            ("import", &[&good, "--rejects", &nowhere]),
            ("generate", &["--count", "1", "--out", &nowhere]),
        ] {
            let output = shop.run(command, arguments);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", errors(&output));
            assert!(errors(&output).contains("/missing"), "{}", errors(&output));
        }
        let (hard, soft) = (shop.path("hard.csv"), shop.path("soft.csv"));
        fs::hard_link(&good, &hard).unwrap();
        std::os::unix::fs::symlink(&good, &soft).unwrap();
        for same in [good.as_str(), &hard, &soft] {
            for input in [good.as_str(), "-"] {
                let mut command = shop.command("import", &[input, "--rejects", same]);
                let output = command.stdin(fs::File::open(&good).unwrap()).output().unwrap();
                assert_eq!(output.status.code(), Some(2), "{same}: {}", errors(&output));
                assert!(errors(&output).contains("would replace"), "{}", errors(&output));
                assert_eq!(fs::read(&good).unwrap(), b"code\nA\n");
            }
        }
        assert_eq!(shop.export(), [] as [Row; 0]);
    }
}

#[test]
fn help_of_each_command_has_an_example() {
    for command in ["generate", "import", "export"] {
        let output = program().args(["codes", command, "--help"]).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains(&format!("  promolink codes {command} ")), "{help}");
    }
}

const HEADER: &str =
    "code,created_on,revoked,max_links,link_count,customer_id,promotion_id,linked_on,state,redemptions,holders\n";

type Row = Vec<String>;

/// A campaign in a database, and a directory for files.
struct Shop<'a> {
    database: &'a Database,
    campaign: Uuid,
    folder: tempfile::TempDir,
}

impl<'a> Shop<'a> {
    /// Seeds the database with this campaign only.
    async fn open(database: &'a Database, campaign: TestCampaign) -> Self {
        let name = campaign.campaign.name.clone();
        database.seed(&[campaign]).await;
        Self::of(database, &name).await
    }

    /// The existing campaign of this name.
    async fn of(database: &'a Database, name: &str) -> Self {
        let campaigns = database.open().await.campaign_pages(crate::support::org(), &[None], 10).await.unwrap();
        let campaign = campaigns.into_iter().find(|campaign| campaign.name == name).unwrap();
        Self { campaign: campaign.id.get(), ..Self::without_campaign(database) }
    }

    /// A campaign that does not exist.
    fn without_campaign(database: &'a Database) -> Self {
        Self { database, campaign: Uuid::max(), folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        PathBuf::from(self.folder.path()).join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let mut program = program();
        program.args(["codes", command, "--database-url", &self.database.url]);
        program.args(["--org", &ORG.to_string(), "--campaign", &self.campaign.to_string()]).args(arguments);
        program
    }

    fn start(&self, command: &str, arguments: &[&str]) -> Child {
        let mut command = self.command(command, arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        self.command(command, arguments).output().unwrap()
    }

    /// Runs a command that must succeed. Returns its standard output.
    #[track_caller]
    fn succeeds(&self, command: &str, arguments: &[&str]) -> String {
        let output = self.run(command, arguments);
        assert!(output.status.success(), "{}: {}", output.status, errors(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must fail. Returns its standard error.
    #[track_caller]
    fn fails(&self, command: &str, arguments: &[&str]) -> String {
        let output = self.run(command, arguments);
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
        errors(&output)
    }

    /// The rows of the campaign's export.
    fn export(&self) -> Vec<Row> {
        records(self.succeeds("export", &[]).strip_prefix(HEADER).unwrap())
    }
}

/// A CSV file with `count` different codes and no customers.
fn numbered(count: usize) -> String {
    "code,customer_id\n".to_owned()
        + &(0..count).map(|number| format!("NUMBER-{number},\n")).collect::<Vec<_>>().concat()
}

fn records(csv: &str) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
