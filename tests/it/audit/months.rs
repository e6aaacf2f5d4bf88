//! The trail by months: made ahead of time, dropped as a whole, and never what an event is lost by.

use std::cell::Cell;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use portcullis::audit::{Entry, Event, Origin, months, record};
use portcullis::clock::Clock;
use portcullis::db::months::{Month, Part, parts};
use portcullis::db::{Db, migrations};
use portcullis::jobs::audit_months::once;
use portcullis::schema::audit_events as table;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::cluster;

const UP: &str = include_str!("../../../migrations/2026-11-29-000400_audit_months/up.sql");
const DOWN: &str = include_str!("../../../migrations/2026-11-29-000400_audit_months/down.sql");

async fn parts_of(db: &Db) -> Vec<Part> {
    parts(&mut db.read().await.unwrap(), "audit_events").await.unwrap()
}

async fn note(db: &Db, client: &str, at: DateTime<Utc>) {
    let entry = Entry::new(Event::NoteLeft).client(client);
    db.write(async |conn| record(conn, entry, &Origin::default(), at).await).await.unwrap();
}

/// Every event with the part that holds it.
async fn kept(db: &Db) -> Vec<(String, String)> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        client: String,
        #[diesel(sql_type = diesel::sql_types::Text)]
        part: String,
    }
    let query = "SELECT client_id AS client, tableoid::regclass::text AS part FROM audit_events
                 WHERE event = 'note.left' ORDER BY at, id";
    let rows: Vec<Row> = diesel::sql_query(query).load(&mut *db.read().await.unwrap()).await.unwrap();
    rows.into_iter().map(|row| (row.client, row.part)).collect()
}

fn of(month: Month) -> String {
    Part::Of(month).name("audit_events")
}

/// A database as it is in the first hour, and its time: no server is there that looks after the months by itself.
async fn first_hour() -> (cluster::TestDatabase, Db, Clock) {
    let database = cluster::create_database();
    let (db, clock) = (database.open(), Clock::adjustable());
    once(&db, None, clock.now()).await.unwrap();
    (database, db, clock)
}

async fn forgotten(db: &Db) -> Vec<Value> {
    let told = table::table.filter(table::event.eq("audit.forgotten")).select(table::detail);
    told.order((table::at, table::id)).load(&mut *db.read().await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn months_are_ready_before_they_begin_and_events_go_to_theirs() {
    let (_database, db, clock) = first_hour().await;
    let month = Month::of(clock.now());
    let there = parts_of(&db).await;
    for ready in [month, month.next(), month.next().next()] {
        assert!(there.contains(&Part::Of(ready)), "{ready}: {there:?}");
    }
    once(&db, None, clock.now()).await.unwrap();
    assert_eq!(parts_of(&db).await, there, "nothing is left to be done");
    note(&db, "now", clock.now()).await;
    note(&db, "next", month.next().start()).await;
    assert_eq!(kept(&db).await, [("now".to_owned(), of(month)), ("next".to_owned(), of(month.next()))]);
}

/// An installation that stood still for half a year, or whose clock is wrong.
#[tokio::test]
async fn an_event_without_a_month_is_written_and_gets_its_month_later() {
    let (_database, db, clock) = first_hour().await;
    clock.advance(TimeDelta::days(200));
    let now = clock.now();
    let (late, long_ago) = (Month::of(now), Month::of(now - TimeDelta::days(300)));
    note(&db, "late", now).await;
    note(&db, "old", long_ago.start()).await;
    let rest = Part::Rest.name("audit_events");
    assert_eq!(kept(&db).await, [("old".to_owned(), rest.clone()), ("late".to_owned(), rest)]);
    once(&db, None, now).await.unwrap();
    assert_eq!(kept(&db).await, [("old".to_owned(), of(long_ago)), ("late".to_owned(), of(late))]);
}

/// A row that was on its way to the rest when its month got a part of its own would fit nowhere: nobody may be that far then.
#[tokio::test]
async fn whoever_writes_while_months_are_made_loses_nothing() {
    const WRITERS: usize = 6;
    let (_database, db, clock) = first_hour().await;
    let first = Month::of(clock.now() + TimeDelta::days(400));
    let months: Vec<Month> = std::iter::successors(Some(first), |month| Some(month.next())).take(12).collect();
    let stop = Cell::new(false);
    let write = async |number: usize| {
        let mut written = 0;
        while !stop.get() {
            note(&db, "busy", months[(number + written) % months.len()].start()).await;
            written += 1;
        }
        written
    };
    let make = async {
        for month in &months {
            once(&db, None, month.start()).await.unwrap();
        }
        stop.set(true);
    };
    let (written, ()) = tokio::join!(futures_util::future::join_all((0..WRITERS).map(write)), make);
    once(&db, None, clock.now()).await.unwrap();
    let kept = kept(&db).await;
    assert_eq!(kept.len(), written.iter().sum::<usize>());
    assert!(kept.iter().all(|(_, part)| months.iter().any(|month| *part == of(*month))), "each is in its month");
}

#[tokio::test]
async fn a_month_that_is_past_its_time_goes_as_a_whole_and_the_trail_says_so() {
    let (_database, db, clock) = first_hour().await;
    let (month, retention) = (Month::of(clock.now()), TimeDelta::days(100));
    note(&db, "old", clock.now()).await;
    let end = Part::Of(month).end().unwrap() + retention;
    note(&db, "young", end).await;
    once(&db, Some(retention), end - TimeDelta::microseconds(1)).await.unwrap();
    assert_eq!(kept(&db).await.len(), 2, "one moment of it is still within");
    once(&db, Some(retention), end).await.unwrap();
    assert_eq!(kept(&db).await.len(), 1);
    assert!(!parts_of(&db).await.contains(&Part::Of(month)));
    let told = forgotten(&db).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["part"], &told[0]["kept_for_days"]), (&json!(of(month)), &json!(100)));
}

#[tokio::test]
async fn what_is_kept_forever_stays() {
    let (_database, db, clock) = first_hour().await;
    note(&db, "old", clock.now()).await;
    once(&db, None, clock.now() + TimeDelta::days(20_000)).await.unwrap();
    assert_eq!((kept(&db).await.len(), forgotten(&db).await.len()), (1, 0));
}

#[tokio::test]
async fn nodes_that_come_at_once_do_it_once() {
    let (_database, db, clock) = first_hour().await;
    let (later, retention) = (clock.now() + TimeDelta::days(200), Some(TimeDelta::days(31)));
    for done in futures_util::future::join_all((0..6).map(|_| once(&db, retention, later))).await {
        done.unwrap();
    }
    once(&db, retention, later).await.unwrap();
    let mut gone: Vec<String> = forgotten(&db).await.iter().map(|told| told["part"].to_string()).collect();
    let all = gone.len();
    gone.dedup();
    assert!(all >= 3 && gone.len() == all, "each went once: {gone:?}");
    assert!(parts_of(&db).await.contains(&Part::Of(Month::of(later))));
}

/// Somebody reads the trail for an hour (a dump): events are written all the same, and the months wait.
#[tokio::test]
async fn whoever_holds_the_table_holds_up_the_months_and_nobody_else() {
    let (_database, db, clock) = first_hour().await;
    let mut dump = db.direct().await.unwrap();
    dump.batch_execute("BEGIN; SELECT count(*) FROM audit_events").await.unwrap();
    let later = clock.now() + TimeDelta::days(200);
    let (refused, ()) = tokio::join!(once(&db, None, later), note(&db, "meanwhile", later));
    assert!(refused.unwrap_err().to_string().contains("lock timeout"));
    dump.batch_execute("ROLLBACK").await.unwrap();
    once(&db, None, later).await.unwrap();
    assert_eq!(kept(&db).await, [("meanwhile".to_owned(), of(Month::of(later)))]);
}

/// An installation of before, with events: they keep their ids and times, and nothing is copied.
#[tokio::test]
async fn an_installation_with_events_is_divided_where_it_is() {
    let database = cluster::create_database();
    let db = database.open();
    let mut conn = db.direct().await.unwrap();
    conn.batch_execute(DOWN).await.unwrap();
    conn.batch_execute(
        "INSERT INTO audit_events (id, at, event, client_id, detail)
         SELECT gen_random_uuid(), now() - day * interval '1 day', 'note.left', 'c' || day, '{}'
         FROM generate_series(0, 500, 10) AS day",
    )
    .await
    .unwrap();
    let all = async |conn: &mut diesel_async::AsyncPgConnection| -> Vec<(Uuid, DateTime<Utc>)> {
        table::table.select((table::id, table::at)).order((table::at, table::id)).load(conn).await.unwrap()
    };
    let before = all(&mut conn).await;
    assert_eq!(before.len(), 51);
    conn.batch_execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261129000400'").await.unwrap();
    assert_eq!(migrations::run(&db).await.unwrap(), ["2026-11-29-000400_audit_months"]);
    assert_eq!(all(&mut conn).await, before);
    let now = Clock::system().now();
    let old = Part::Until(Month::of(now).next());
    assert_eq!(parts_of(&db).await, [old, Part::Rest]);
    note(&db, "after", now).await;
    db.rebuild(async |conn| months::prepare(conn, now).await).await.unwrap();
    let next = Month::of(now).next();
    assert_eq!(parts_of(&db).await, [old, Part::Of(next), Part::Of(next.next()), Part::Rest]);
    let late = old.end().unwrap() + TimeDelta::days(400);
    let retention = Some(TimeDelta::days(400));
    let moment = TimeDelta::microseconds(1);
    assert_eq!(db.rebuild(async |conn| months::forget_one(conn, retention, late - moment).await).await.unwrap(), None);
    assert_eq!(db.rebuild(async |conn| months::forget_one(conn, retention, late).await).await.unwrap(), Some(old));
    conn.batch_execute(DOWN).await.unwrap();
    assert_eq!(all(&mut conn).await.len(), 1, "what told of the dropping is still there");
    conn.batch_execute(UP).await.unwrap();
}
