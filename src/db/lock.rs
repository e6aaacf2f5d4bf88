//! Locks between nodes, for work that one of them is enough for.

use diesel::QueryResult;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::RunQueryDsl;

use super::Connection;

/// What one node at a time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Forgetting what is past its time.
    Expire,
    /// Forgetting clients that nobody uses.
    Reap,
    /// Making and dropping months of the audit trail.
    AuditMonths,
}

#[derive(diesel::QueryableByName)]
struct Locked {
    #[diesel(sql_type = Bool)]
    locked: bool,
}

/// Lets one transaction at a time do what is called this, and the others wait: for what is counted first and added to then.
pub async fn one_at_a_time(conn: &mut Connection, what: &str) -> QueryResult<()> {
    let query = diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))").bind::<Text, _>(what);
    query.execute(conn).await.map(|_| ())
}

/// Takes the lock for this transaction, unless another node has it. It ends with the transaction, so a pooler may sit in
/// between (`decisions` 23).
pub async fn is_ours(conn: &mut Connection, lock: Lock) -> QueryResult<bool> {
    // "portcul" and a number, so that it is nobody else's.
    let key: i64 = 0x706f_7274_6375_6c00 + lock as i64 + 1;
    let query = diesel::sql_query("SELECT pg_try_advisory_xact_lock($1) AS locked").bind::<BigInt, _>(key);
    query.get_result::<Locked>(conn).await.map(|row| row.locked)
}
