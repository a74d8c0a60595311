//! A SQLite file full of codes, and Diesel on it without a server: one transaction per link.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use diesel::{connection::SimpleConnection, prelude::*};
use tempfile::TempDir;

use super::{Codes, FIRST_CODE, Latencies, process};

diesel::table! {
    campaigns (org_id, id) {
        org_id -> BigInt,
        id -> Binary,
        name -> Text,
        mode -> SmallInt,
        active -> Bool,
        redeemable_from -> BigInt,
        valid_till -> BigInt,
        valid_for_days -> Nullable<Integer>,
        max_links_per_customer -> Nullable<Integer>,
    }
}

diesel::table! {
    promotion_codes (org_id, mode, folded) {
        org_id -> BigInt,
        mode -> SmallInt,
        folded -> Text,
        code -> Text,
        campaign_id -> Binary,
        revoked_on -> Nullable<BigInt>,
        max_links -> Nullable<Integer>,
        link_count -> Integer,
    }
}

diesel::table! {
    promotions (org_id, id) {
        org_id -> BigInt,
        id -> Binary,
        mode -> SmallInt,
        folded -> Text,
        campaign_id -> Binary,
        customer_id -> BigInt,
        created_on -> BigInt,
        unlinked_on -> Nullable<BigInt>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(campaigns, promotion_codes);

/// A template file with one organisation, and a copy of it for each run.
pub struct Sqlite {
    directory: TempDir,
    codes: Codes,
    pub key: String,
}

impl Sqlite {
    /// Creates and fills the template.
    pub fn fill(codes: Codes) -> Self {
        assert_eq!(codes.orgs, 1);
        eprintln!("filling a file with {} codes", codes.count);
        let directory = tempfile::tempdir().unwrap();
        let template = directory.path().join("template.db");
        let url = format!("sqlite:{}", template.display());
        process::migrate(&url);
        let key = process::create_key(&url, 1, "service");
        let mut connection = SqliteConnection::establish(&template.to_string_lossy()).unwrap();
        let campaign = "unhex('00000000000000000000000000000001')";
        let last = FIRST_CODE + codes.count - 1;
        connection
            .batch_execute(&format!(
                "INSERT INTO campaigns (org_id, id, name, mode, active, created_on, redeemable_from, valid_till, valid_for_days,
                     max_links_per_customer, max_redemptions_per_link) VALUES (1, {campaign}, 'Spring', 1, 1, 0, 0, 32503680000000, NULL, NULL, 1);
                 INSERT INTO promotion_codes
                     WITH RECURSIVE codes(code) AS (SELECT {FIRST_CODE} UNION ALL SELECT code + 1 FROM codes WHERE code < {last})
                     SELECT 1, 1, code, code, {campaign}, 0, NULL, 1, 0 FROM codes;
                 PRAGMA wal_checkpoint(TRUNCATE);"
            ))
            .unwrap();
        Self { directory, codes, key }
    }

    /// Replaces the copy with a fresh one. Returns its URL.
    pub fn copy(&self) -> String {
        let run = self.run();
        for rest in ["", "-wal", "-shm"] {
            // The first copy replaces no files.
            let _ = fs::remove_file(format!("{}{rest}", run.display()));
        }
        fs::copy(self.directory.path().join("template.db"), &run).unwrap();
        format!("sqlite:{}", run.display())
    }

    /// Executes statements on the copy.
    pub fn sql(&self, statements: &str) {
        let mut connection = SqliteConnection::establish(&self.run().to_string_lossy()).unwrap();
        connection.batch_execute(statements).unwrap();
    }

    fn run(&self) -> PathBuf {
        self.directory.path().join("run.db")
    }

    /// Links one code after another on the copy, each in a separate transaction that enforces the same rules. This is the
    /// baseline for a server that shares transactions.
    pub fn link_one_by_one(&self, warm_up: Duration, duration: Duration) -> Latencies {
        let mut connection = SqliteConnection::establish(&self.run().to_string_lossy()).unwrap();
        connection
            .batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
            .unwrap();
        let begin = Instant::now() + warm_up;
        let mut latencies = Vec::new();
        for place in 0.. {
            let (_, code) = self.codes.pick(place);
            let asked = Instant::now();
            connection.immediate_transaction(|connection| link(connection, code, place)).unwrap();
            let answered = Instant::now();
            if answered > begin + duration {
                break;
            }
            if answered > begin {
                latencies.push(answered - asked);
            }
        }
        Latencies::new(latencies, duration)
    }
}

fn link(connection: &mut SqliteConnection, code: u64, customer: u64) -> QueryResult<()> {
    let (folded, customer) = (code.to_string(), i64::try_from(customer).unwrap());
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let found: (Vec<u8>, String, bool, i64, Option<i64>, Option<i32>, i32) = promotion_codes::table
        .inner_join(
            campaigns::table
                .on(campaigns::org_id.eq(promotion_codes::org_id).and(campaigns::id.eq(promotion_codes::campaign_id))),
        )
        .filter(promotion_codes::org_id.eq(1))
        .filter(promotion_codes::mode.eq(1))
        .filter(promotion_codes::folded.eq(&folded))
        .select((
            campaigns::id,
            campaigns::name,
            campaigns::active,
            campaigns::valid_till,
            promotion_codes::revoked_on,
            promotion_codes::max_links,
            promotion_codes::link_count,
        ))
        .get_result(connection)?;
    let (campaign, _, active, valid_till, revoked_on, max_links, link_count) = found;
    let usable = active && now <= valid_till && revoked_on.is_none() && max_links.is_none_or(|max| link_count < max);
    assert!(usable, "{folded} can't be linked");
    let held: Option<Vec<u8>> = promotions::table
        .filter(promotions::org_id.eq(1))
        .filter(promotions::mode.eq(1))
        .filter(promotions::folded.eq(&folded))
        .filter(promotions::customer_id.eq(customer))
        .filter(promotions::unlinked_on.is_null())
        .select(promotions::id)
        .get_result(connection)
        .optional()?;
    assert_eq!(held, None, "{folded} is already linked");
    diesel::update(promotion_codes::table.find((1, 1, &folded)))
        .set(promotion_codes::link_count.eq(promotion_codes::link_count + 1))
        .execute(connection)?;
    let id = u128::try_from(customer).unwrap().to_be_bytes();
    diesel::insert_into(promotions::table)
        .values((
            promotions::org_id.eq(1),
            promotions::id.eq(&id[..]),
            promotions::mode.eq(1),
            promotions::folded.eq(&folded),
            promotions::campaign_id.eq(campaign),
            promotions::customer_id.eq(customer),
            promotions::created_on.eq(now),
        ))
        .execute(connection)?;
    Ok(())
}
