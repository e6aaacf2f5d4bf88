//! What a workspace with 100,000 API keys costs, beside one with 100: listing, searching, and looking a presented key up.
//!
//! The same statements on the same PostgreSQL, before and after the other keys are there. Look at the ratios; no test depends on
//! them.
//!
//! `make bench` runs it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that cannot go on stops")]

#[expect(dead_code, reason = "what this benchmark does not need of what all share")]
mod load;

use std::env;
use std::io::Write as _;
use std::time::Instant;

use diesel_async::SimpleAsyncConnection;
use portcullis::audit::Origin;
use portcullis::clock::Clock;
use portcullis::credentials::issue::{NewKey, issue};
use portcullis::credentials::{After, Listing, Seen, Sort, State, Terms, api_key, list};
use portcullis::crypto::{HashedToken, Random, RootKeys};
use portcullis::db::embedded::{Embedded, EmbeddedSettings};
use portcullis::db::{Connection, Db, migrations};
use portcullis::places::{Reach, place};
use portcullis::types::{ApiKeyId, DEFAULT_WORKSPACE, KeyTag, Networks, Permissions, PlaceId, SubjectId};
use secrecy::SecretString;

const ROOT_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// How many keys there are first, and then.
const SIZES: [i64; 2] = [100, 100_000];
/// How often each statement has its turn.
const ROUNDS: usize = 301;
/// Keys on a page.
const PAGE: i64 = 51;

fn main() {
    let data = tempfile::tempdir().unwrap();
    let settings = EmbeddedSettings {
        data_dir: data.path().to_owned(),
        postgres_bin: None,
        search_path: env::var_os("PATH"),
        fsync: true,
        random: Random::system(),
    };
    let embedded = Embedded::serve(&settings).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let table = runtime.block_on(async {
        let db = Db::new(embedded.url(), embedded.url(), 4).unwrap();
        migrations::run(&db).await.unwrap();
        let (workspace, hashes) = known_key(&db).await;
        let mut measured = Vec::new();
        let mut made = 1;
        for size in SIZES {
            fill(&db, workspace, made, size).await;
            made = size;
            measured.push(measure(&db, workspace, &hashes).await);
        }
        describe(&measured)
    });
    runtime.shutdown_background();
    std::io::stdout().write_all(table.as_bytes()).unwrap();
}

/// The workspace, and the hashes of a key in it that somebody holds.
async fn known_key(db: &Db) -> (PlaceId, Vec<HashedToken>) {
    let (keys, random) = (RootKeys::parse(&SecretString::from(ROOT_KEY)).unwrap(), Random::system());
    let terms = Terms {
        keys: &keys,
        random: &random,
        tag: &KeyTag::default(),
        origin: &Origin::operator(),
        by: None,
        now: Clock::system().now(),
    };
    let mut conn = db.read().await.unwrap();
    let workspace = place::workspace(&mut conn, DEFAULT_WORKSPACE).await.unwrap().unwrap().id;
    let new = NewKey {
        name: "Lighthouse".parse().unwrap(),
        workspace,
        owner: SubjectId::Workspace(workspace),
        reach: Reach::of([workspace]),
        permissions: Permissions::write(),
        expires_at: None,
        networks: Networks::default(),
        rate: None,
    };
    let issued = issue(&mut conn, &terms, ApiKeyId::fresh(), &new).await.unwrap().unwrap();
    (workspace, keys.hashes(&issued.unwrap().secret))
}

/// Adds keys until there are so many: every second one is called after a pipeline, every tenth is revoked.
async fn fill(db: &Db, workspace: PlaceId, from: i64, to: i64) {
    let insert = format!(
        "INSERT INTO api_keys (id, workspace_id, name, key_hash, key_version, prefix, permissions, created_at, expires_at, revoked_at, last_used_at)
         SELECT gen_random_uuid(), '{workspace}', CASE WHEN n % 2 = 0 THEN 'Pipeline ' ELSE 'Desktop ' END || n,
                sha256(n::text::bytea), 0, 'pcl_' || substr(md5(n::text), 1, 4), 'tools:read', now() - n * interval '1 second',
                now() + n * interval '1 hour', CASE WHEN n % 10 = 0 THEN now() END, now() - n * interval '1 minute'
         FROM generate_series({from} + 1, {to}) AS n"
    );
    let mut conn = db.read().await.unwrap();
    conn.batch_execute(&insert).await.unwrap();
    conn.batch_execute("VACUUM ANALYZE api_keys").await.unwrap();
}

/// What is asked, by its name, and the milliseconds that it took in the middle.
async fn measure(db: &Db, workspace: PlaceId, hashes: &[HashedToken]) -> Vec<(&'static str, f64)> {
    let now = Clock::system().now();
    let mut conn = db.read().await.unwrap();
    let listing = Listing {
        seen: Seen::All,
        workspace: Some(workspace),
        states: vec![State::Active],
        search: String::new(),
        sort: Sort::Created,
        after: None,
        limit: PAGE,
    };
    let first = list(&mut conn, &listing, now).await.unwrap();
    let second = Listing { after: first.last().map(|key| After::the(key, Sort::Created)), ..listing.clone() };
    let searched = |search: &str| Listing { search: search.to_owned(), ..listing.clone() };
    let sorted = |sort| Listing { sort, ..listing.clone() };
    let mut measured = Vec::new();
    for (name, listing) in [
        ("list, newest first", listing.clone()),
        ("list, second page", second),
        ("list by name", sorted(Sort::Name)),
        ("list by expiration", sorted(Sort::Expires)),
        ("list by last use", sorted(Sort::Used)),
        ("list what is over", Listing { states: vec![State::Expired, State::Revoked], ..listing.clone() }),
        ("search, one is found", searched("lighth")),
        ("search, half are found", searched("pipe")),
        ("search, none is found", searched("zebra")),
    ] {
        measured.push((name, middle(&mut conn, async |conn| drop(list(conn, &listing, now).await.unwrap())).await));
    }
    let look_up = async |conn: &mut Connection| assert!(api_key::presented(conn, hashes).await.unwrap().is_some());
    measured.push(("look a presented key up", middle(&mut conn, look_up).await));
    measured
}

async fn middle(conn: &mut Connection, ask: impl AsyncFn(&mut Connection)) -> f64 {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let since = Instant::now();
        ask(conn).await;
        times.push(since.elapsed().as_secs_f64() * 1000.0);
    }
    load::median(times)
}

fn describe(measured: &[Vec<(&'static str, f64)>]) -> String {
    let mut table = format!(
        "API keys in one workspace: milliseconds in the middle of {ROUNDS}, {}\n\n| | {} keys | {} keys | ratio |\n| --- | ---: | ---: | ---: |\n",
        load::machine(),
        SIZES[0],
        SIZES[1]
    );
    if let [few, many] = measured {
        for ((name, few), (_, many)) in few.iter().zip(many) {
            table += &format!("| {name} | {few:.2} | {many:.2} | {:.2} |\n", many / few);
        }
    }
    table
}
