//! Portcullis: the front gate for MCP.
//!
//! One binary is an OAuth 2.1 / OpenID Connect authorization server, the MCP resource server that it guards, and the office
//! where people see and end what they granted.
//!
//! # The house
//!
//! *Faces* speak to someone, *domain* decides, *base* enables; a face never meets another face. Within the domain, nouns own
//! tables and verbs own transactions, and nothing is awaited but the database. The arrows between the rooms are a table in
//! `tests/it/architecture.rs`, and a test keeps them.
//!
//! | Room | Speaks to, decides or enables |
//! |---|---|
//! | [`cli`] | the operator; starts [`server`], which alone knows every face |
//! | [`oauth`] | OAuth clients: one file per endpoint, and an index by specification |
//! | [`mcp`] | MCP clients: the guarded endpoint and its tools |
//! | [`api`] | programs that manage us: one file per resource |
//! | [`web`] | people with a browser: one file per page |
//! | [`jobs`] | the clock |
//! | [`http`] | what the faces share: URLs, callers, forms, pages, limits, refusals |
//! | [`errands`] | verbs that need a trip outside, with no transaction open meanwhile |
//! | [`app`] | everything that a request may reach |
//! | [`doctor`] | what each known client would make of an MCP server |
//! | [`access`] | may this caller do this? From memory, with the reason |
//! | [`grants`] | what was granted to whom: clients, consents, codes, tokens, keys |
//! | [`credentials`] | secrets that people hand to programs: API keys |
//! | [`identity`] | people, groups, sessions, and how they prove who they are |
//! | [`upstreams`] | the MCP servers behind us |
//! | [`policies`] | what groups may do at those servers, and the dialects in which other systems say it |
//! | [`places`] | where they live: workspaces, projects, folders |
//! | [`audit`] | everything worth remembering |
//! | [`config`], [`crypto`], [`db`], [`net`], [`program`], [`types`], [`clock`], [`schema`] | know nothing of us |

/// Answers are built of many small pieces, which the C library's allocator hands out more slowly: `docs/performance.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// Base: enables, knows nothing of us.
pub mod clock;
pub mod config;
pub mod crypto;
pub mod db;
pub mod net;
pub mod program;
/// Every table, as Diesel sees it; generated from the migrations by `make schema`.
pub mod schema;
pub mod types;

// Domain: decides; awaits the database and nothing else.
pub mod access;
pub mod audit;
pub mod credentials;
pub mod doctor;
pub mod grants;
pub mod identity;
pub mod places;
pub mod policies;
pub mod upstreams;

// What the faces share.
pub mod app;
pub mod errands;
pub mod http;

// Faces: each speaks to one kind of someone.
pub mod api;
pub mod jobs;
pub mod mcp;
pub mod oauth;
pub mod web;

// Composition: the code that knows every face.
pub mod cli;
pub mod server;
