//! CSV files as spreadsheets, mail tools and exports write them.

use super::*;
use crate::support::Caller;

on_all_databases! {
    async fn common_line_endings_and_separators_are_accepted(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        for (number, (end, separator)) in [("\r", ','), ("\r\n", ';'), ("\n", '\t'), ("\r", ';')].into_iter().enumerate() {
            let rows = ["CODE ; Customer_Id", "A-#; 1 ", "\"B-#\";", "C-#;3"].map(|row| row.replace(';', &separator.to_string()));
            let text = rows.join(end).replace('#', &number.to_string());
            shop.succeeds("import", &[&shop.file("codes.csv", text.as_bytes())]);
            let kept = codes_and_customers(&shop);
            let expected = [("A", "1"), ("B", ""), ("C", "3")].map(|(code, customer)| [format!("{code}-{number}"), customer.to_owned()]);
            assert!(expected.iter().all(|row| kept.contains(row)), "{kept:?}");
        }
        let errors = shop.fails("import", &[&shop.file("bad.csv", b"code\rGOOD\r\r\nB\0AD\r")]);
        assert!(errors.contains("line 4: the code must not contain U+0000"), "{errors}");
    }

    async fn a_byte_order_mark_is_not_part_of_a_code(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let mut process = shop.start("import", &["-"]);
        let mut input = process.stdin.take().unwrap();
        for piece in [&b"\xef"[..], b"\xbb", b"\xbfcode\nA\n"] {
            input.write_all(piece).unwrap();
            input.flush().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        drop(input);
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        // Concatenated files: the second with a byte order mark, the third without.
        let file = shop.file("two.csv", "\u{feff}code\nB\n\u{feff}code\nC\ncode\nD\n".as_bytes());
        let errors = shop.fails("import", &[&file]);
        assert!(errors.contains("line 3: the code must not contain U+FEFF"), "{errors}");
        assert!(errors.contains("line 5: the header is repeated"), "{errors}");
        assert_eq!(codes_and_customers(&shop), ["A", "B", "C", "D"].map(|code| [code.to_owned(), String::new()]));
    }

    async fn unreadable_files_and_ambiguous_headers_are_rejected(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        for (header, expected) in [
            ("code,customerId", "the column `customerId`, which is unknown"),
            ("code,Customer ID", "the column `Customer ID`, which is unknown"),
            ("code,note", "an import reads code, customer_id, max_links, revoked, state, redemptions, link_count, holders"),
            ("code,note", "--ignore NAME skips another"),
            ("code,Code", "the column `Code` twice"),
            ("code,customer_id,customer_id", "the column `customer_id` twice"),
        ] {
            let file = shop.file("codes.csv", format!("{header}\nA,1,1\n").as_bytes());
            let errors = shop.fails("import", &[&file]);
            assert!(errors.contains(expected), "{errors}");
        }
        let binary = fs::read(env!("CARGO_BIN_EXE_promolink")).unwrap();
        let utf16: Vec<u8> = "\u{feff}code\nA\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (content, expected) in [
            (&binary[..1 << 20], "not text in UTF-8"),
            (&utf16, "UTF-16"),
            (b"Gr\xf6\xdfe,code\nA,B\n", "not text in UTF-8"),
        ] {
            let errors = shop.fails("import", &[&shop.file("codes.csv", content)]);
            // The environment may enable backtraces.
            let errors = errors.split("Stack backtrace").next().unwrap();
            assert!(errors.contains(expected) && errors.len() < 500, "{errors}");
            assert!(!errors.contains(|character: char| character.is_control() && character != '\n'), "{errors:?}");
        }
        let errors = shop.fails("import", &[&shop.file("codes.csv", "x".repeat(10_000).as_bytes())]);
        assert!(errors.split("Stack backtrace").next().unwrap().len() < 500, "{errors}");
        for empty in ["code\n", "code,customer_id\r\n,\r\n , \r\n"] {
            let errors = shop.fails("import", &[&shop.file("codes.csv", empty.as_bytes())]);
            assert!(errors.contains("has no rows below its header"), "{errors}");
        }
        assert_eq!(shop.export(), [] as [Row; 0]);
    }

    async fn cells_are_parsed_strictly_and_empty_rows_are_skipped(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let file = shop.file("codes.csv", b"code,customer_id\nA,7\n,\n , \n\"\",\"\"\n \t\nB,0042\n");
        shop.succeeds("import", &[&file, "--all-or-nothing"]);
        assert_eq!(codes_and_customers(&shop), [["A", "7"], ["B", "42"]].map(|row| row.map(str::to_owned)));
        let rows = [
            ("C,+42", "customer_id is malformed"),
            ("C,-0", "customer_id is malformed"),
            ("C,4e2", "customer_id is malformed"),
            (" \"C\",1", "a quote is misplaced"),
            ("C,\t\"1\"", "a quote is misplaced"),
            ("\"BS\\\"10\",5", "a quote is misplaced"),
            ("\"CL\"x,6", "a quote is misplaced"),
            ("\"CL\" x,6", "a quote is misplaced"),
            ("QM\"y\",7", "a quote is misplaced"),
            ("C,5\"", "a quote is misplaced"),
            ("'=C,1", "marked for a spreadsheet"),
            ("C\u{200b},1", "U+200B"),
            ("\u{202e}C,1", "U+202E"),
        ];
        let lines: Vec<String> = rows.iter().map(|(row, _)| format!("{row}\n")).collect();
        let text = lines.concat();
        let errors = shop.fails("import", &[&shop.file("bad.csv", format!("code,customer_id\n{text}").as_bytes())]);
        for (line, (row, reason)) in rows.iter().enumerate() {
            let found = errors.lines().any(|error| error.starts_with(&format!("line {}: ", line + 2)) && error.contains(reason));
            assert!(found, "{row:?}: {errors}");
        }
        assert_eq!(shop.export().len(), 2);
    }

    async fn quotes_that_are_doubled_in_a_quoted_cell_are_part_of_a_code(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let rows = b"code,customer_id\n\"\"\"VIP\"\"\",\"1\"\n\"5\"\" A,B\" ,2\n\"\",\nQ\"Q,3\n\" C\" ,\"4\"";
        let errors = shop.fails("import", &[&shop.file("codes.csv", rows)]);
        assert!(errors.contains("line 5: a quote is misplaced") && errors.contains("rejected: 1"), "{errors}");
        let expected = [["\"VIP\"", "1"], ["5\" A,B", "2"], ["C", "4"]];
        assert_eq!(codes_and_customers(&shop), expected.map(|row| row.map(str::to_owned)));
        // More rows than one read of the file has.
        let many = format!("{}\"X\"Y,\n{}", numbered(12_000), "\"Z\"\"Z\",\n".repeat(10));
        let errors = shop.fails("import", &[&shop.file("many.csv", many.as_bytes())]);
        assert!(errors.contains("line 12002: a quote is misplaced") && errors.contains("rejected: 1"), "{errors}");
        let errors = shop.fails("import", &[&shop.file("header.csv", b"\"code\"x\nA\n")]);
        assert!(errors.contains("a quote in its header is misplaced"), "{errors}");
    }

    async fn an_export_can_be_imported_without_reviving_used_or_revoked_codes(database: Database) {
        let codes = campaign("Summer").with(|campaign| campaign.max_redemptions_per_link = 2).code("FREE", Some(3));
        let codes = codes.code("OPEN", None).code("HELD", Some(1)).code("USED", Some(1)).code("HALF", Some(1));
        let shop = Shop::open(&database, codes.code("BOTH", Some(1)).revoked_code("REVOKED")).await;
        let server = Server::serve(&database, &[]);
        let admin = server.caller(&database.key(ORG, "admin"));
        for (customer, code) in [(1, "HELD"), (1, "OPEN"), (2, "OPEN"), (3, "USED"), (4, "HALF"), (5, "BOTH")] {
            assert_eq!(code_of(&admin.link(customer, code).await), "OK");
        }
        for (customer, code, order) in [(3, "USED", "1"), (3, "USED", "2"), (4, "HALF", "3")] {
            assert_eq!(code_of(&admin.redeem(customer, code, order).await), "OK");
        }
        revoke(&admin, "BOTH").await;
        let file = shop.file("export.csv", shop.succeeds("export", &[]).as_bytes());
        assert!(shop.export().iter().any(|row| row[0] == "HALF" && row[8..] == ["ACTIVE", "1", "1"]));

        let other = if database.url.starts_with("sqlite:") { Database::sqlite() } else { Database::postgres() };
        let copy = Shop::open(&other, campaign("Copy")).await;
        let said = copy.fails("import", &[&file]);
        assert!(said.contains("codes added: 5, there already: 1; linked to the customers of their rows: 3"), "{said}");
        assert_eq!(said.matches("an import would make it active").count(), 2, "{said}");
        assert!(said.contains("was not linked"), "{said}");
        let kept: Vec<[String; 4]> = copy.export().iter().map(|row| [0, 2, 3, 5].map(|column| row[column].clone())).collect();
        let expected = [
            ["BOTH", "true", "1", ""],
            ["FREE", "false", "3", ""],
            ["HELD", "false", "1", "1"],
            ["OPEN", "false", "", "1"],
            ["OPEN", "false", "", "2"],
            ["REVOKED", "true", "1", ""],
        ];
        assert_eq!(kept, expected.map(|row| row.map(str::to_owned)));
        let errors = copy.fails("import", &[&file, "--max-links", "2"]);
        assert!(errors.contains("has a column max_links"), "{errors}");
        let odd = copy.file("odd.csv", b"code,max_links,revoked\nX,0,\nY,,perhaps\nZ,2,TRUE\n");
        let errors = copy.fails("import", &[&odd]);
        assert!(errors.contains("line 2: max_links is malformed") && errors.contains("line 3: revoked is malformed"), "{errors}");
        assert_eq!(copy.export().last().unwrap()[..4], ["Z", &copy.export().last().unwrap()[1], "true", "2"].map(str::to_owned));
    }

    async fn rows_that_contradict_an_existing_code_are_rejected(database: Database) {
        let shop = Shop::open(&database, campaign("Summer").code("HERE", Some(3)).code("ANY", None).revoked_code("ENDED")).await;
        let rows = [
            ("RV,false,1,", None),
            ("rv,true,1,", Some("is not revoked, but the row has revoked true: use revokePromotionCode")),
            ("rv,,2,5", Some("exists with max_links 1")),
            ("rv,,1,6", None),
            ("here,,,", Some("exists with max_links 3")),
            ("here,FALSE,3,7", None),
            ("here,true,3,", Some("is not revoked")),
            ("any,,2,", Some("any number may link it")),
            ("any,,,", None),
            ("ended,false,1,", Some("is revoked, but the row has revoked false")),
            ("ended,,1,", None),
            ("ended,true,1,8", Some("was not linked")),
        ];
        let text = rows.map(|(row, _)| row).join("\n");
        let file = shop.file("codes.csv", format!("code,revoked,max_links,customer_id\n{text}\n").as_bytes());
        let errors = shop.fails("import", &[&file]);
        for (line, (row, reason)) in (2..).zip(rows) {
            let found = errors.lines().find(|error| error.starts_with(&format!("line {line}: ")));
            let matches = reason.map_or(found.is_none(), |reason| found.is_some_and(|found| found.contains(reason)));
            assert!(matches, "{row}: {errors}");
        }
        assert!(shop.fails("import", &[&file, "--all-or-nothing"]).contains("nothing was changed"));
        let kept: Vec<[String; 4]> = shop.export().iter().map(|row| [0, 2, 3, 5].map(|column| row[column].clone())).collect();
        let expected = [
            ["ANY", "false", "", ""],
            ["ENDED", "true", "1", ""],
            ["HERE", "false", "3", "7"],
            ["RV", "false", "1", "6"],
        ];
        assert_eq!(kept, expected.map(|row| row.map(str::to_owned)));
        // Without these columns, a row says nothing about them.
        let file = shop.file("plain.csv", b"code,customer_id\nHERE,7\nANY,\nENDED,\nRV,6\n");
        shop.succeeds("import", &[&file]);
        shop.succeeds("import", &[&file, "--max-links", "9"]);
    }

    async fn refused_links_are_counted_apart_from_rejected_rows(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let file = shop.file("codes.csv", b"code,customer_id\nA,1\nA,2\n");
        let errors = shop.fails("import", &[&file]);
        assert!(errors.contains("links refused: 1; rows rejected: 0;"), "{errors}");
        assert!(errors.contains("error: 1 links were refused; the codes of their rows are kept"), "{errors}");
        assert!(errors.contains("line 3: ") && !errors.contains("were rejected"), "{errors}");
        let errors = shop.fails("import", &[&shop.file("codes.csv", b"code,customer_id\nB,1\nB,2\n"), "--all-or-nothing"]);
        assert!(errors.contains("error: 1 links were refused, so nothing was changed"), "{errors}");
        assert_eq!(codes_and_customers(&shop), [["A", "1"]].map(|row| row.map(str::to_owned)));
    }

    async fn additions_of_spreadsheets_are_accepted(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        for (number, start) in ["", "sep=,\n", "\u{feff}sep=;\r\n", "SEP=\t\r", "\"sep=|\"\n\n"].iter().enumerate() {
            let separator = start.trim_end_matches(['\r', '\n']).trim_matches('"').chars().last().unwrap_or(',').to_string();
            let rows = format!("code,customer_id\nA-{number},1,,\nB-{number},, \nC-{number},1,2\nD-{number}\n");
            let text = format!("{start}{}", rows.replace(',', &separator));
            let errors = shop.fails("import", &[&shop.file("codes.csv", text.as_bytes())]);
            let before = start.replace("\r\n", "\n").matches(['\r', '\n']).count();
            assert!(errors.contains("codes added: 2") && errors.contains("rejected: 2"), "{start:?}: {errors}");
            for (line, columns) in [(4, 3), (5, 1)] {
                assert!(errors.contains(&format!("line {}: the row has {columns} columns", line + before)), "{start:?}: {errors}");
            }
        }
        let errors = shop.fails("import", &[&shop.file("codes.csv", b"sep=;")]);
        assert!(errors.contains("is empty"), "{errors}");
    }

    async fn codes_that_were_used_up_are_left_out_of_an_import(database: Database) {
        let codes = campaign("Summer").code("ONCE", Some(1)).code("SHARED", Some(3)).code("ANY", None).code("GONE", Some(1));
        let shop = Shop::open(&database, codes.code("PLAIN", Some(2))).await;
        let server = Server::serve(&database, &[]);
        let admin = server.caller(&database.key(ORG, "admin"));
        for (customer, code) in [(1, "ONCE"), (2, "SHARED"), (3, "SHARED"), (4, "ANY"), (5, "GONE"), (6, "PLAIN"), (7, "PLAIN")] {
            let id = admin.link(customer, code).await["data"]["linkPromotionCode"]["id"].take();
            if ["ONCE", "ANY", "GONE"].contains(&code) || customer == 2 {
                assert_eq!(code_of(&admin.redeem(customer, code, code).await), "OK");
                admin.data("mutation($id: ID!) { unlinkPromotion(id: $id) { id } }", serde_json::json!({ "id": id })).await;
            }
        }
        revoke(&admin, "GONE").await;
        let file = shop.file("export.csv", shop.succeeds("export", &[]).as_bytes());

        let other = if database.url.starts_with("sqlite:") { Database::sqlite() } else { Database::postgres() };
        let copy = Shop::open(&other, campaign("Copy")).await;
        let errors = copy.fails("import", &[&file]);
        assert!(errors.contains("line 4: link_count is 1 and holders 0"), "{errors}");
        assert!(errors.contains("link_count is 2 and holders 1") && errors.contains("rejected: 2"), "{errors}");
        let expected = [["ANY", ""], ["GONE", ""], ["PLAIN", "6"], ["PLAIN", "7"]];
        assert_eq!(codes_and_customers(&copy), expected.map(|row| row.map(str::to_owned)));
        // Without the column `holders`, a row says nothing about those of other rows.
        let rows = b"code,customer_id,link_count\nA,1,1\nB,,1\nC,2,2\nD,,0\nE,,\nF,,one\n";
        let errors = copy.fails("import", &[&copy.file("trimmed.csv", rows)]);
        for line in ["line 3: link_count is 1", "line 4: link_count is 2", "line 7: link_count is malformed"] {
            assert!(errors.contains(line), "{line}: {errors}");
        }
        assert!(errors.contains("rejected: 3"), "{errors}");
    }

    async fn output_for_spreadsheets_contains_no_formulas(database: Database) {
        let shop = Shop::open(&database, campaign("Summer")).await;
        let codes = ["=1+1", "+A", "-B", "@C", "PLAIN"];
        let file = shop.file("codes.csv", format!("code\n{}\n", codes.join("\n")).as_bytes());
        shop.succeeds("import", &[&file]);
        let exported = |arguments: &[&str]| -> HashSet<String> {
            let text = shop.succeeds("export", arguments);
            records(text.strip_prefix(HEADER).unwrap()).into_iter().map(|row| row[0].clone()).collect()
        };
        assert_eq!(exported(&[]), codes.map(str::to_owned).into());
        assert_eq!(exported(&["--spreadsheet"]), ["'=1+1", "'+A", "'-B", "'@C", "PLAIN"].map(str::to_owned).into());
        let generated = shop.succeeds("generate", &["--count", "1", "--pattern", "=########", "--spreadsheet"]);
        assert!(generated.starts_with("code\n'="), "{generated}");
        let (bad, list) = (shop.file("bad.csv", b"code,customer_id\n=2,x\n"), shop.path("rejects.csv"));
        shop.fails("import", &[&bad, "--rejects", &list, "--spreadsheet"]);
        assert!(fs::read_to_string(&list).unwrap().contains("\n2,'=2,"));
    }
}

fn codes_and_customers(shop: &Shop) -> Vec<[String; 2]> {
    shop.export().iter().map(|row| [row[0].clone(), row[5].clone()]).collect()
}

async fn revoke(admin: &Caller, code: &str) {
    let revoke =
        format!("mutation {{ revokePromotionCode(input: {{ code: \"{code}\", mode: DISCOUNT }}) {{ revoked }} }}");
    admin.data(&revoke, serde_json::Value::Null).await;
}
