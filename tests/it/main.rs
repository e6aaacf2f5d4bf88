//! The tests over HTTP and a real PostgreSQL: one binary, mirroring `src`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that cannot go on fails its test; so do tests"
)]

mod api;
mod architecture;
mod audit;
mod census;
mod cli;
mod credentials;
mod db;
mod docs;
mod fuzz;
mod identity;
mod mcp;
mod oauth;
mod openid;
mod pages;
mod places;
mod policies;
mod routes;
mod specifications;
mod support;
mod upstreams;
mod url_table;
mod warm_path;
mod web;
