//! The clients that we know, as data: how each finds its way, what it registers, and what it cannot forgive.
//!
//! What is here was observed by running the published packages, or read in them; of the hosted and closed clients we know
//! what their users reported, and expect of them no more than the specification does.

/// A client, as far as a server can tell it from others.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Its name on the command line.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// Where it runs.
    pub home: Home,
    /// How it knocks.
    pub knock: Knock,
    /// How it reads `WWW-Authenticate`.
    pub reader: Reader,
    /// Where it looks for protected resource metadata when the challenge names no place (RFC 9728 §3.1), in order.
    pub resource_places: &'static [ResourcePlace],
    /// Where it looks for authorization server metadata, in order.
    pub issuer_places: &'static [IssuerPlace],
    /// How it compares `issuer` (RFC 8414 §3.3).
    pub issuer_rule: IssuerRule,
    /// True when one `null` in a document spoils all of it.
    pub refuses_null: bool,
    /// True when it takes the MCP URL's origin for the authorization server where there is no resource metadata.
    pub guesses_issuer: bool,
    /// True when it appends `?` to the authorization endpoint, whatever that has already.
    pub appends_query: bool,
    /// True when it reads every error body as JSON, even one it could ignore.
    pub reads_error_bodies: bool,
    /// Its own client id where it has a metadata document.
    pub metadata_url: Option<&'static str>,
    /// Where its answers go. It registers all of them, and uses the first.
    pub redirect_uris: &'static [&'static str],
    /// What it says of itself when it registers (OpenID Connect Registration §2).
    pub application_type: Option<&'static str>,
    /// How it wants to authenticate.
    pub auth_method: Option<&'static str>,
    /// Asks for `offline_access` where the authorization server lists it.
    pub wants_offline_access: bool,
}

/// Where a client runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// On its maker's computers: it reaches public addresses only.
    Cloud,
    /// On the person's own computer.
    Desktop,
    /// In a page of this origin, or beside one: a browser keeps from it what CORS does not share.
    Browser(&'static str),
}

/// The first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knock {
    /// `POST` of `initialize`, as up to 2025-11-25.
    Initialize,
    /// `POST` of `server/discover`, as of 2026-07-28.
    Discover,
    /// `GET` before anything else, saying this protocol version.
    Get(Option<&'static str>),
}

/// How a client reads a challenge. None of them parses it by the grammar of RFC 9110 §11.6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Looks at nothing unless the joined header begins with `Bearer`; then takes the first text that looks like the
    /// parameter, wherever it stands.
    BearerFirst,
    /// Takes the first text that looks like the parameter, whatever the scheme.
    Anywhere,
}

/// A place of protected resource metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourcePlace {
    /// `/.well-known/oauth-protected-resource/mcp`.
    Inserted,
    /// `/mcp/.well-known/oauth-protected-resource`.
    Appended,
    /// `/.well-known/oauth-protected-resource`.
    Root,
}

/// A place of authorization server metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerPlace {
    /// `/.well-known/oauth-authorization-server/t1` (RFC 8414 §3.1).
    OauthInserted,
    /// `/.well-known/oauth-authorization-server`, although the issuer has a path.
    OauthRoot,
    /// `/.well-known/openid-configuration/t1` (RFC 8414 §5).
    OidcInserted,
    /// `/t1/.well-known/openid-configuration` (OpenID Connect Discovery §4).
    OidcAppended,
}

/// How strictly `issuer` is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerRule {
    /// Not at all.
    Unchecked,
    /// To the byte.
    Exact,
    /// To the byte, but for one slash at the end.
    ButForSlash,
}

const PATH_THEN_ROOT: &[ResourcePlace] = &[ResourcePlace::Inserted, ResourcePlace::Root];
const AS_SPECIFIED: &[IssuerPlace] =
    &[IssuerPlace::OauthInserted, IssuerPlace::OidcInserted, IssuerPlace::OidcAppended];

/// A client built on the TypeScript SDK's first line, which most are.
const SDK_1: Profile = Profile {
    id: "typescript-sdk-1",
    name: "TypeScript SDK 1.x",
    home: Home::Desktop,
    knock: Knock::Initialize,
    reader: Reader::BearerFirst,
    resource_places: PATH_THEN_ROOT,
    issuer_places: AS_SPECIFIED,
    issuer_rule: IssuerRule::Unchecked,
    refuses_null: true,
    guesses_issuer: true,
    appends_query: false,
    reads_error_bodies: false,
    metadata_url: None,
    redirect_uris: &["http://localhost:8090/callback"],
    application_type: None,
    auth_method: Some("none"),
    wants_offline_access: false,
};

/// A client built on its second line.
const SDK_2: Profile = Profile {
    id: "typescript-client-2",
    name: "TypeScript client 2.x",
    issuer_rule: IssuerRule::ButForSlash,
    application_type: Some("native"),
    wants_offline_access: true,
    ..SDK_1
};

/// Every client that we know.
pub const ALL: [Profile; 11] = [
    Profile {
        id: "claude",
        name: "Claude",
        home: Home::Cloud,
        issuer_rule: IssuerRule::Exact,
        redirect_uris: &["https://claude.ai/api/mcp/auth_callback"],
        ..SDK_1
    },
    Profile {
        id: "claude-code",
        name: "Claude Code",
        reads_error_bodies: true,
        metadata_url: Some("https://claude.ai/oauth/claude-code-client-metadata"),
        redirect_uris: &["http://localhost:49152/callback"],
        ..SDK_1
    },
    Profile {
        id: "chatgpt",
        name: "ChatGPT",
        home: Home::Cloud,
        issuer_rule: IssuerRule::Exact,
        redirect_uris: &["https://chatgpt.com/connector/oauth/portcullis-doctor"],
        ..SDK_1
    },
    Profile {
        id: "vs-code",
        name: "VS Code",
        issuer_rule: IssuerRule::Exact,
        guesses_issuer: false,
        metadata_url: Some("https://vscode.dev/oauth/client-metadata.json"),
        redirect_uris: &["http://127.0.0.1:33418", "https://vscode.dev/redirect"],
        ..SDK_1
    },
    Profile {
        id: "cursor",
        name: "Cursor",
        redirect_uris: &[
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "http://localhost:8787/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
        ],
        ..SDK_1
    },
    Profile {
        id: "inspector",
        name: "MCP Inspector",
        home: Home::Browser("http://localhost:6274"),
        redirect_uris: &["http://127.0.0.1:6276/oauth/callback"],
        ..SDK_2
    },
    SDK_1,
    SDK_2,
    Profile {
        id: "python-sdk",
        name: "Python SDK",
        knock: Knock::Discover,
        reader: Reader::Anywhere,
        issuer_rule: IssuerRule::Exact,
        refuses_null: false,
        appends_query: true,
        redirect_uris: &["http://localhost:8765/callback"],
        application_type: Some("native"),
        wants_offline_access: true,
        ..SDK_1
    },
    Profile {
        id: "rmcp",
        name: "rmcp (Rust SDK)",
        knock: Knock::Get(Some("2024-11-05")),
        reader: Reader::Anywhere,
        resource_places: &[ResourcePlace::Inserted, ResourcePlace::Appended, ResourcePlace::Root],
        issuer_places: &[
            IssuerPlace::OauthInserted,
            IssuerPlace::OidcInserted,
            IssuerPlace::OidcAppended,
            IssuerPlace::OauthRoot,
        ],
        issuer_rule: IssuerRule::ButForSlash,
        refuses_null: false,
        redirect_uris: &["http://localhost:8585/callback"],
        application_type: Some("native"),
        wants_offline_access: true,
        ..SDK_1
    },
    Profile {
        id: "mcp-remote",
        name: "mcp-remote",
        knock: Knock::Get(None),
        issuer_places: &[
            IssuerPlace::OauthInserted,
            IssuerPlace::OauthRoot,
            IssuerPlace::OidcInserted,
            IssuerPlace::OidcAppended,
        ],
        issuer_rule: IssuerRule::ButForSlash,
        redirect_uris: &["http://localhost:3334/oauth/callback"],
        application_type: None,
        wants_offline_access: true,
        ..SDK_2
    },
];

/// The client of this name.
pub fn named(id: &str) -> Option<&'static Profile> {
    const KNOWN: &[Profile] = &ALL;
    KNOWN.iter().find(|profile| profile.id == id)
}
