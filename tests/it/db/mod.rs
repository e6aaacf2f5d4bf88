//! The database layer against a real PostgreSQL.

mod changes;
mod embedded;
mod migrations;
mod tls;
