//! What the database holds: every column is a secret, personal or plain, every table is kept or expires, and `src/schema.rs`
//! says the same of them as the database.
//!
//! The tables below are the documentation. A new column or table fails until somebody has decided what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use diesel::sql_types::{Bool, Nullable, Text};
use diesel_async::RunQueryDsl;

use crate::support::cluster;
use Column::{Personal, Plain, Secret};
use Life::{Expires, Kept};

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    /// A secret, or what one could be guessed from: only a keyed hash, a password hash or a sealed value.
    Secret,
    /// About a person, or from one.
    Personal,
    /// Neither.
    Plain,
}

/// How long a row stays.
enum Life {
    /// Until somebody removes it, and why that is right.
    Kept(&'static str),
    /// Until it expires: the words in `jobs/expire.rs` that forget it.
    Expires(&'static str),
}

type Entry = (&'static str, Life, &'static [(Column, &'static [&'static str])]);

const CENSUS: &[Entry] = &[
    (
        "accepted_tokens",
        Kept("until the operator removes its issuer"),
        &[(Plain, &["issuer", "id", "audiences", "client_ids", "scope", "groups_claim", "accepted_at"])],
    ),
    (
        "api_keys",
        Kept("the history of a workspace: what was revoked stays to be seen"),
        &[
            (Secret, &["key_hash"]),
            (Personal, &["user_id", "made_by", "revoked_by", "last_used_at", "last_used_address", "last_used_client"]),
            (Plain, &["id", "workspace_id", "service_account_id", "name", "key_version", "prefix", "reach"]),
            (Plain, &["permissions", "allowed_networks", "rate_limit", "created_at", "expires_at", "ends_at"]),
            (Plain, &["revoked_at", "replaced_by"]),
        ],
    ),
    (
        "audit_events",
        Kept("the trail outlives what it tells of: jobs/audit_months.rs drops the months that are past their time"),
        &[
            (Personal, &["user_id", "address", "detail"]),
            (Plain, &["id", "at", "event", "client_id", "grant_id", "request_id", "service_account_id"]),
        ],
    ),
    (
        "authorization_codes",
        Expires("authorization_code::expire("),
        &[
            (Secret, &["code_hash"]),
            (Plain, &["key_version", "grant_id", "client_id", "redirect_uri", "code_challenge"]),
            (Plain, &["nonce", "created_at", "expires_at", "failed_tries", "spent_at", "dpop_jkt"]),
        ],
    ),
    (
        "clients",
        Kept("as long as anybody uses it: jobs/reap.rs forgets those that made themselves known and are not used"),
        &[
            (Secret, &["secret_hash"]),
            (Personal, &["created_from"]),
            (Plain, &["id", "origin", "name", "key_version", "token_endpoint_auth_method", "application_type"]),
            (Plain, &["redirect_uris", "grant_types", "scope", "metadata", "metadata_hash", "created_at"]),
            (Plain, &["last_used_at", "fetched_at", "fresh_until", "disabled_at", "jwks", "jwks_uri"]),
            (Plain, &["requested_scope", "default_max_age"]),
            (Plain, &["post_logout_redirect_uris", "backchannel_logout_uri", "dpop_bound_access_tokens"]),
            (
                Plain,
                &["require_pushed_authorization_requests", "profile", "access_token_lifetime", "service_account_id"],
            ),
            (Plain, &["resource_identifier"]),
        ],
    ),
    (
        "client_logos",
        Kept("goes with its client"),
        &[(Plain, &["client_id", "format", "image", "digest", "source", "stored_at"])],
    ),
    (
        "client_secrets",
        Kept("goes with its client; what has ended says since when the next is so"),
        &[
            (Secret, &["secret_hash"]),
            (Plain, &["id", "client_id", "key_version", "made_at", "replaced_at", "expires_at"]),
        ],
    ),
    (
        "client_ownerships",
        Kept("goes with its client"),
        &[
            (Personal, &["registered_by"]),
            (Plain, &["client_id", "workspace_id", "reach", "permissions", "disabled_as"]),
        ],
    ),
    (
        "code_budgets",
        Kept("until the person is removed"),
        &[(Personal, &["user_id", "full_at", "wrong", "wrong_before"])],
    ),
    (
        "consents",
        Kept("until the person withdraws it"),
        &[(Personal, &["user_id"]), (Plain, &["client_id", "resource", "scope", "metadata_hash", "given_at"])],
    ),
    (
        "credential_habits",
        Kept("goes with its key or token"),
        &[
            (Personal, &["networks", "notice"]),
            (Plain, &["credential_id", "api_key_id", "personal_token_id", "usual_rate", "windows", "noticed_at"]),
        ],
    ),
    (
        "device_codes",
        Expires("device_code::expire("),
        &[
            (Secret, &["code_hash", "user_code_hash"]),
            (Personal, &["address", "session_id", "user_id"]),
            (Plain, &["key_version", "client_id", "metadata_hash", "scope", "resource", "created_at", "expires_at"]),
            (Plain, &["poll_interval", "polled_at", "decided_at", "grant_id", "spent_at"]),
        ],
    ),
    (
        "flow_steps",
        Expires("flow_step::expire("),
        &[
            (Personal, &["user_id", "address"]),
            (Plain, &["id", "flow_id", "at", "step", "outcome", "why", "client_id", "request_id"]),
        ],
    ),
    (
        "grants",
        Expires("grant::expire("),
        &[
            (Personal, &["user_id", "session_id", "amr", "authenticated_at"]),
            (Plain, &["id", "client_id", "resource", "scope", "created_at", "last_used_at", "expires_at"]),
            (Plain, &["ended_at", "end_reason", "dpop_jkt"]),
        ],
    ),
    ("group_members", Kept("until the person leaves the group"), &[(Personal, &["user_id"]), (Plain, &["group_id"])]),
    ("groups", Kept("policies name them"), &[(Plain, &["id", "name", "description", "created_at"])]),
    (
        "initial_access_tokens",
        Expires("initial_access_token::expire("),
        &[
            (Secret, &["token_hash"]),
            (Plain, &["id", "label", "key_version", "created_at", "expires_at", "uses_left", "revoked_at"]),
        ],
    ),
    (
        "installation",
        Kept("one row"),
        &[(Secret, &["key_check"]), (Plain, &["id", "key_version", "created_at", "seeded_at"])],
    ),
    (
        "logout_notices",
        Expires("logout_notice::expire("),
        &[(Personal, &["session_id", "user_id"]), (Plain, &["id", "client_id", "created_at", "next_try_at", "tries"])],
    ),
    (
        "linked_accounts",
        Kept("until the person goes"),
        &[(Personal, &["subject", "user_id"]), (Plain, &["issuer", "linked_at"])],
    ),
    (
        "passkeys",
        Kept("until the person removes it"),
        &[
            (Personal, &["user_id", "name", "credential_id", "credential", "created_at", "last_used_at"]),
            (Plain, &["id"]),
        ],
    ),
    (
        "pending_requests",
        Expires("pending_request::expire("),
        &[
            (Personal, &["session_id", "request"]),
            (Plain, &["id", "client_id", "created_at", "expires_at", "decided_at"]),
        ],
    ),
    (
        "personal_tokens",
        Kept("the history of what was handed out; goes with its owner"),
        &[
            (Secret, &["token_hash"]),
            (Personal, &["user_id", "name", "revoked_by", "last_used_address", "last_used_client"]),
            (
                Plain,
                &["id", "jti", "client_id", "key_version", "audience", "scope", "reach", "server_id", "created_at"],
            ),
            (Plain, &["expires_at", "ends_at", "revoked_at", "replaced_by", "last_used_at"]),
        ],
    ),
    (
        "places",
        Kept("until somebody removes it"),
        &[(Plain, &["id", "kind", "parent_id", "parent_kind", "name", "title", "created_at"])],
    ),
    (
        "policies",
        Kept("until an administrator removes it"),
        &[(Plain, &["id", "name", "description", "rules", "permissions", "created_at", "changed_at"])],
    ),
    ("policy_groups", Kept("goes with its policy"), &[(Plain, &["policy_id", "group_name"])]),
    (
        "pushed_requests",
        Expires("pushed_request::expire("),
        &[
            (Secret, &["token_hash"]),
            (Personal, &["request"]),
            (Plain, &["id", "key_version", "client_id", "created_at", "begin_by", "expires_at", "decided_at"]),
        ],
    ),
    (
        "recovery_codes",
        Kept("until the person makes new ones or has no second factor"),
        &[(Secret, &["code_hash"]), (Personal, &["user_id", "created_at", "used_at"]), (Plain, &["key_version"])],
    ),
    (
        "refresh_tokens",
        Expires("refresh_token::expire("),
        &[
            (Secret, &["token_hash"]),
            (Plain, &["key_version", "grant_id", "client_id", "created_at", "expires_at", "first_used_at"]),
        ],
    ),
    (
        "registration_tokens",
        Kept("goes with its client"),
        &[(Secret, &["token_hash"]), (Plain, &["client_id", "key_version", "created_at"])],
    ),
    ("revocations", Expires("revocation::expire("), &[(Plain, &["kind", "subject", "expires_at"])]),
    (
        "server_tools",
        Kept("until the server does not list it any more"),
        &[(Plain, &["server_id", "name", "definition", "class", "proposed_class", "chosen_class", "seen_at"])],
    ),
    (
        "servers",
        Kept("until an administrator removes it"),
        &[
            (Secret, &["sealed_auth_value"]),
            (Plain, &["id", "name", "url", "description", "transport", "enabled", "created_at", "place_id"]),
            (Plain, &["auth", "auth_header", "forwarded_headers", "tags", "health", "health_detail", "checked_at"]),
            (Plain, &["may_be_inside", "next_check_at", "command"]),
        ],
    ),
    (
        "service_account_groups",
        Kept("until the account leaves the group"),
        &[(Plain, &["group_id", "service_account_id"])],
    ),
    (
        "service_accounts",
        Kept("until an administrator removes it"),
        &[(Plain, &["id", "name", "description", "created_at", "disabled_at", "workspace_id"])],
    ),
    (
        "sessions",
        Expires("Session::expire("),
        &[
            (Secret, &["token_hash"]),
            (Personal, &["user_id", "authenticated_at", "amr", "last_seen_at", "address", "user_agent"]),
            (Plain, &["id", "key_version", "created_at", "expires_at", "ended_at", "noted_at"]),
        ],
    ),
    (
        "setup_links",
        Expires("setup_link::expire("),
        &[
            (Secret, &["token_hash"]),
            (Personal, &["user_id"]),
            (Plain, &["key_version", "created_at", "expires_at", "used_at"]),
        ],
    ),
    (
        "signing_keys",
        Expires("signing_key::expire("),
        &[
            (Secret, &["sealed_private_jwk"]),
            (Plain, &["kid", "algorithm", "public_jwk", "created_at", "signs_from", "retired_at", "expires_at"]),
        ],
    ),
    (
        "totp_secrets",
        Kept("until the person removes it"),
        &[(Secret, &["sealed_secret"]), (Personal, &["user_id", "created_at", "last_step"])],
    ),
    (
        "trust_rules",
        Kept("until the operator removes its issuer"),
        &[(Plain, &["id", "issuer", "matches", "service_account_id", "client_id", "scope", "resource", "created_at"])],
    ),
    (
        "trusted_issuers",
        Kept("until the operator removes it"),
        &[
            (Plain, &["issuer", "kind", "jwks_uri", "jwks", "algorithms", "audience", "provision", "username_claim"]),
            (Plain, &["created_at", "disabled_at"]),
        ],
    ),
    ("used_assertions", Expires("used_assertion::expire("), &[(Plain, &["issuer", "assertion_hash", "expires_at"])]),
    ("used_challenges", Expires("used_challenge::expire("), &[(Plain, &["challenge_hash", "expires_at"])]),
    (
        "users",
        Kept("until an administrator removes the person"),
        &[
            (Secret, &["password_hash"]),
            (Personal, &["username", "display_name", "email", "email_is_own"]),
            (Plain, &["id", "is_admin", "created_at", "password_changed_at", "disabled_at"]),
        ],
    ),
    (
        "workspace_members",
        Kept("until the person leaves the workspace"),
        &[(Personal, &["user_id"]), (Plain, &["workspace_id", "role", "joined_at"])],
    ),
];

#[tokio::test]
async fn every_column_is_a_secret_personal_or_plain() {
    let mut decided = BTreeSet::new();
    for (table, _, groups) in CENSUS {
        for name in groups.iter().flat_map(|(_, names)| *names) {
            assert!(decided.insert(format!("{table}.{name}")), "{table}.{name} is counted twice");
        }
    }
    let found: BTreeSet<_> = columns().await.into_iter().map(|found| found.path()).collect();
    let undecided: Vec<_> = found.difference(&decided).collect();
    assert!(undecided.is_empty(), "secret, personal or plain? {undecided:?}");
    let gone: Vec<_> = decided.difference(&found).collect();
    assert!(gone.is_empty(), "no longer there: {gone:?}");
}

#[tokio::test]
async fn a_stolen_database_holds_no_secret_that_opens_anything() {
    for found in columns().await {
        let group = |wanted: Column| {
            let named =
                |(column, names): &(Column, &[&str])| *column == wanted && names.contains(&found.column.as_str());
            CENSUS.iter().any(|(table, _, groups)| *table == found.table && groups.iter().any(named))
        };
        let path = found.path();
        if !group(Secret) {
            let telling = ["secret", "password_hash", "token_hash", "code_hash", "sealed", "private", "verifier"];
            assert!(!telling.iter().any(|word| found.column.contains(word)), "{path} sounds like a secret");
            continue;
        }
        let keyed = found.udt == "bytea"
            && CENSUS.iter().any(|(table, _, groups)| {
                *table == found.table && groups.iter().any(|(_, names)| names.contains(&"key_version"))
            });
        let sealed = found.column.starts_with("sealed_") && found.udt == "text";
        let password = found.column == "password_hash" && found.udt == "text";
        assert!(keyed || sealed || password, "{path} is neither keyed with a version, sealed, nor a password hash");
    }
}

#[test]
fn every_table_that_expires_is_swept_and_no_other() {
    let job = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/jobs/expire.rs")).unwrap();
    let mut expiring = 0;
    for (table, life, _) in CENSUS {
        match life {
            Expires(words) => {
                expiring += 1;
                assert!(job.contains(words), "jobs/expire.rs does not say {words} for {table}");
            }
            Kept(why) => assert!(!why.is_empty()),
        }
    }
    let forgotten = job.matches("::expire(conn").count();
    assert_eq!(forgotten, expiring, "the job forgets what the census keeps, or the other way round");
}

#[tokio::test]
async fn with_a_person_goes_everything_that_names_them_but_the_trail() {
    let kept: BTreeSet<_> = ["audit_events.user_id".to_owned()].into();
    let cascading: BTreeSet<_> = rows::<Name>(
        "SELECT conrelid::regclass || '.' || attname AS name FROM pg_constraint
         JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
         WHERE confrelid = 'users'::regclass AND confdeltype = 'c'",
    )
    .await
    .into_iter()
    .map(|row| row.name)
    .collect();
    let naming: BTreeSet<_> =
        columns().await.into_iter().filter(|found| found.column == "user_id").map(|found| found.path()).collect();
    assert_eq!(naming.difference(&cascading).cloned().collect::<BTreeSet<_>>(), kept);
}

#[tokio::test]
async fn the_schema_of_the_program_is_that_of_the_database() {
    let mut expected = BTreeMap::<String, Vec<String>>::new();
    for found in columns().await {
        let base = match found.udt.as_str() {
            "bool" => "Bool",
            "bytea" => "Bytea",
            "float8" => "Float8",
            "int2" => "Int2",
            "int4" => "Int4",
            "int8" => "Int8",
            "jsonb" => "Jsonb",
            "text" => "Text",
            "timestamptz" => "Timestamptz",
            "uuid" => "Uuid",
            "_text" => "Array<Nullable<Text>>",
            "_uuid" => "Array<Nullable<Uuid>>",
            other => panic!("{} is a {other}, which no table had before", found.path()),
        };
        let kind = if found.nullable { format!("Nullable<{base}>") } else { base.to_owned() };
        let comment = found.comment.unwrap_or_else(|| generated_comment(&found.table, &found.column, &kind));
        let table = expected.entry(format!("{} /// {}", found.table, found.table_comment)).or_default();
        table.push(format!("{} -> {kind}, /// {comment}", found.column));
    }
    assert_eq!(written_schema(), expected, "run `make schema`");
}

/// What `diesel print-schema` says of a column without a comment.
fn generated_comment(table: &str, column: &str, kind: &str) -> String {
    format!(
        "The `{column}` column of the `{table}` table.  Its SQL type is `{kind}`.  (Automatically generated by Diesel.)"
    )
}

/// The tables of `src/schema.rs` and their columns in order, each with its documentation.
fn written_schema() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/schema.rs")).unwrap();
    let mut tables = BTreeMap::<String, Vec<String>>::new();
    let (mut docs, mut table) = (Vec::new(), String::new());
    for line in text.lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("///") {
            docs.push(doc.trim());
        } else if let Some((name, "{")) =
            line.rsplit_once(") ").and_then(|(head, tail)| Some((head.split_once(" (")?.0, tail)))
        {
            table = format!("{name} /// {}", docs.join(" "));
            docs.clear();
        } else if let Some(column) = line.strip_suffix(',').filter(|line| line.contains(" -> ")) {
            tables.entry(table.clone()).or_default().push(format!("{column}, /// {}", docs.join(" ")));
            docs.clear();
        }
    }
    tables
}

#[derive(diesel::QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    table_comment: String,
    #[diesel(sql_type = Text)]
    column: String,
    #[diesel(sql_type = Nullable<Text>)]
    comment: Option<String>,
    #[diesel(sql_type = Text)]
    udt: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

impl Found {
    fn path(&self) -> String {
        format!("{}.{}", self.table, self.column)
    }
}

/// Every column of a migrated database, in order.
async fn columns() -> Vec<Found> {
    rows(
        "SELECT table_name::text AS \"table\", column_name::text AS \"column\", udt_name::text AS udt,
                is_nullable = 'YES' AS nullable,
                coalesce(obj_description(table_name::regclass), '') AS table_comment,
                col_description(table_name::regclass, ordinal_position) AS comment
         FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name <> '__diesel_schema_migrations'
           AND NOT (SELECT relispartition FROM pg_class WHERE oid = table_name::regclass)
         ORDER BY table_name, ordinal_position",
    )
    .await
}

async fn rows<T>(query: &str) -> Vec<T>
where
    T: diesel::deserialize::QueryableByName<diesel::pg::Pg> + Send + 'static,
{
    let database = cluster::create_database();
    let db = database.open();
    let mut conn = db.read().await.unwrap();
    diesel::sql_query(query).load(&mut conn).await.unwrap()
}
