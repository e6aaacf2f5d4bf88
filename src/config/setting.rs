//! Every setting, once: the table that loading, `portcullis config` and the documentation read.

use chrono::TimeDelta;

use super::registration::{self, RegistrationMode};
use super::value::{self, Value};
use super::{Algorithm, AuditMode, Config, SecondFactorPolicy};

/// One thing an operator can decide.
pub struct Setting {
    /// Its environment variable; in `portcullis.toml` the same without `PORTCULLIS_` and in lower case.
    pub name: &'static str,
    /// What it decides.
    pub meaning: &'static str,
    /// What it may be; completes "it must be …".
    pub allowed: &'static str,
    /// What happens when it has no value at all.
    pub unset: &'static str,
    /// Never shown, and also readable from a file whose path is in `<name>_FILE`.
    pub secret: bool,
    /// Its place in [`Config`].
    pub(super) place: Place,
}

/// How a setting's text reaches its field, and how the field is shown.
pub(super) struct Place {
    pub(super) set: fn(&mut Config, &str) -> Option<()>,
    pub(super) show: fn(&Config) -> Option<String>,
}

impl Setting {
    /// The key in `portcullis.toml`.
    pub fn key(&self) -> String {
        self.stem().to_ascii_lowercase()
    }

    /// The name without what every name begins with.
    pub(super) fn stem(&self) -> &'static str {
        self.name.strip_prefix("PORTCULLIS_").unwrap_or(self.name)
    }

    /// Its value, masked when secret; `None` when it has none.
    pub fn shown(&self, config: &Config) -> Option<String> {
        (self.place.show)(config)
    }
}

/// A field that reads and shows itself; with a range, a duration that must lie in it (in seconds).
macro_rules! place {
    ($($field:ident).+) => {
        Place {
            set: |config, text| {
                config.$($field).+ = Value::read(text)?;
                Some(())
            },
            show: |config| config.$($field).+.show(),
        }
    };
    ($($field:ident).+ in $range:expr) => {
        Place {
            set: |config, text| {
                config.$($field).+ = TimeDelta::read(text).filter(|value| ($range).contains(&value.num_seconds()))?;
                Some(())
            },
            show: |config| config.$($field).+.show(),
        }
    };
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;
/// What an end that never comes is called.
const FOREVER: &str = "forever";

/// What most settings are: not secret, with a default.
const PLAIN: Setting =
    Setting { name: "", meaning: "", allowed: "", unset: "", secret: false, place: place!(server.bind) };

/// All of them, in the order in which they are shown.
pub static SETTINGS: &[Setting] = &[
    Setting {
        name: "DATABASE_URL",
        meaning: "The PostgreSQL to use, 13 or later.",
        allowed: "a URL such as postgres://user:password@host:5432/name",
        unset: "a private PostgreSQL under the data directory",
        secret: true,
        place: Place {
            set: |config, text| {
                config.database.url = Some(value::database_url(text)?);
                Some(())
            },
            show: |config| config.database.url.as_ref().map(value::masked_url),
        },
    },
    Setting {
        name: "PORTCULLIS_DATABASE_DIRECT_URL",
        meaning: "The same PostgreSQL past any connection pooler, for LISTEN, jobs and migrations.",
        allowed: "a URL such as postgres://user:password@host:5432/name",
        unset: "the same as DATABASE_URL",
        secret: true,
        place: Place {
            set: |config, text| {
                config.database.direct_url = Some(value::database_url(text)?);
                Some(())
            },
            show: |config| config.database.direct_url.as_ref().map(value::masked_url),
        },
    },
    Setting {
        name: "PORTCULLIS_DATABASE_POOL",
        meaning: "How many database connections to keep.",
        allowed: "a number from 1 to 1000",
        place: place!(database.pool),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_DATA_DIR",
        meaning: "Where the private PostgreSQL and generated secrets live.",
        allowed: "the path of a directory",
        place: place!(database.data_dir),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_POSTGRES_BIN",
        meaning: "The directory with PostgreSQL's postgres and initdb, for the private PostgreSQL.",
        allowed: "the path of a directory",
        unset: "the newest in the usual places",
        place: place!(database.postgres_bin),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_SECRET_KEY",
        meaning: "The root of hashing, sealing and derivation; several, newest first, to replace one.",
        allowed: "32 random bytes or more in base64, as `openssl rand -base64 32` makes them",
        unset: "generated in the data directory; required with DATABASE_URL",
        secret: true,
        place: place!(secret_key),
    },
    Setting {
        name: "PORTCULLIS_BIND",
        meaning: "The address to listen on.",
        allowed: "an IP address and a port, such as 127.0.0.1:8080 or [::]:8080",
        place: place!(server.bind),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_PUBLIC_URL",
        meaning: "The one URL under which everyone reaches this installation; the issuer of its tokens.",
        allowed: "an https URL without user, query or fragment (plain http for localhost, 127.0.0.1 and [::1] alone)",
        place: place!(server.public_url),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_ALLOWED_ORIGINS",
        meaning: "Web origins, besides our own and loopback, whose pages may use MCP.",
        allowed: "origins such as https://app.example.com, separated by commas",
        unset: "none",
        place: Place {
            set: |config, text| {
                config.server.allowed_origins = value::origins(text)?;
                Some(())
            },
            show: |config| value::joined(&config.server.allowed_origins),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_TRUSTED_PROXIES",
        meaning: "Networks of reverse proxies whose X-Forwarded-For names the client's address.",
        allowed: "addresses or networks such as 10.0.0.0/8, separated by commas",
        unset: "none",
        place: place!(server.trusted_proxies),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_WORKERS",
        meaning: "How many threads answer HTTP.",
        allowed: "a number from 1 to 1000",
        unset: "one for each core",
        place: place!(server.workers),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_ADMIN_USERNAME",
        meaning: "The first administrator's username.",
        allowed: "1 to 128 characters without white space",
        place: Place {
            set: |config, text| {
                config.admin.username = value::username(text)?;
                Some(())
            },
            show: |config| Some(config.admin.username.clone()),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_ADMIN_PASSWORD",
        meaning: "The first administrator's password, used once, when there is nobody yet.",
        allowed: "a password",
        unset: "a one-time set-up link is printed",
        secret: true,
        place: place!(admin.password),
    },
    Setting {
        name: "PORTCULLIS_REQUIRE_SECOND_FACTOR",
        meaning: "Who must prove who they are by more than a password: nobody, administrators or everyone.",
        allowed: "off, administrators or everyone",
        place: Place {
            set: |config, text| {
                config.second_factor = SecondFactorPolicy::named(text)?;
                Some(())
            },
            show: |config| Some(config.second_factor.name().to_owned()),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_ACCESS_TOKEN_ALGORITHM",
        meaning: "How access tokens are signed.",
        allowed: "ES256, RS256 or EdDSA",
        place: Place {
            set: |config, text| {
                config.tokens.access_token_algorithm = Algorithm::named(text)?;
                Some(())
            },
            show: |config| Some(config.tokens.access_token_algorithm.name().to_owned()),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_GATEWAY_AUDIENCE",
        meaning: "The audience of tokens that open every door: those of machine accounts, and of people who ask for it.",
        allowed: "a name or URL without spaces, such as kambrium-mcp",
        unset: "the public URL",
        place: Place {
            set: |config, text| {
                let is_name = !text.is_empty() && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic());
                config.tokens.gateway_audience = Some(is_name.then(|| text.to_owned())?);
                Some(())
            },
            show: |config| config.tokens.gateway_audience.clone(),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_REQUIRE_DPOP_NONCE",
        meaning: "Take DPoP proofs only with a nonce that this server gave in the last minutes.",
        allowed: "true or false",
        place: place!(tokens.require_dpop_nonce),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_API_KEY_TAG",
        meaning: "What new API keys begin with; keys that were made under another tag keep working.",
        allowed: "2 to 16 lower-case letters and digits, such as acme, and not pcl and one letter",
        place: Place {
            set: |config, text| {
                config.tokens.api_key_tag = text.parse().ok()?;
                Some(())
            },
            show: |config| Some(config.tokens.api_key_tag.to_string()),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_ACCESS_TOKEN_LIFETIME",
        meaning: "How long an access token is good.",
        allowed: "1s to 24h, such as 1h",
        place: place!(lifetimes.access_token in 1..=DAY),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_CODE_LIFETIME",
        meaning: "How long a client may take to redeem an authorization code.",
        allowed: "1s to 10m, such as 60s",
        place: place!(lifetimes.code in 1..=10 * MINUTE),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_REFRESH_IDLE",
        meaning: "How long a client stays connected without refreshing.",
        allowed: "1s to 365d, such as 30d",
        place: place!(lifetimes.refresh_idle in 1..=YEAR),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_REFRESH_GRACE",
        meaning: "How long parallel uses of one refresh token all get its one successor.",
        allowed: "0s to 10m, such as 2m",
        place: place!(lifetimes.refresh_grace in 0..=10 * MINUTE),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_GRANT_LIFETIME",
        meaning: "How long a consent lasts, however often its client refreshes.",
        allowed: "1m to 3650d, such as 365d",
        place: place!(lifetimes.grant in MINUTE..=10 * YEAR),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_SESSION_IDLE",
        meaning: "How long a browser stays signed in without being used.",
        allowed: "1m to 365d, such as 7d",
        place: place!(lifetimes.session_idle in MINUTE..=YEAR),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_SESSION_LIFETIME",
        meaning: "How long a browser stays signed in, whatever happens.",
        allowed: "1m to 365d, such as 30d",
        place: place!(lifetimes.session in MINUTE..=YEAR),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_CONFIRM_AFTER",
        meaning: "How long after proving who they are people can change what protects them before they have to prove it again.",
        allowed: "1m to 30d, such as 15m",
        place: place!(lifetimes.confirm_after in MINUTE..=30 * DAY),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_PENDING_REQUEST_LIFETIME",
        meaning: "How long a consent page waits for its answer.",
        allowed: "1m to 24h, such as 30m",
        place: place!(lifetimes.pending_request in MINUTE..=DAY),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_SETUP_LINK_LIFETIME",
        meaning: "How long a one-time set-up link works.",
        allowed: "1m to 30d, such as 24h",
        place: place!(lifetimes.setup_link in MINUTE..=30 * DAY),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_JWT_MAX_LIFETIME",
        meaning: "The longest that a token made with *Get JWT Token* is good.",
        allowed: "1m to 24h, such as 8h",
        place: place!(lifetimes.own_token in MINUTE..=DAY),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_PAT_MAX_LIFETIME",
        meaning: "The longest that a personal access token is good; with it, each must expire.",
        allowed: "1d to 3650d, such as 90d",
        unset: "they need not expire",
        place: Place {
            set: |config, text| {
                let days = TimeDelta::read(text).filter(|value| (DAY..=10 * YEAR).contains(&value.num_seconds()));
                config.lifetimes.personal_token = Some(days?);
                Some(())
            },
            show: |config| config.lifetimes.personal_token.show(),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_KEY_OVERLAP",
        meaning: "How long a signing key is published before it signs, and after its last token has expired.",
        allowed: "1m to 30d, such as 1h",
        place: place!(lifetimes.key_overlap in MINUTE..=30 * DAY),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_KEY_ROTATION",
        meaning: "How long a key signs before the next one takes over by itself.",
        allowed: "1d to 3650d, such as 90d",
        place: place!(lifetimes.signing_key in DAY..=10 * YEAR),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_REGISTRATION",
        meaning: "Who may register clients: anybody, holders of an initial access token, or nobody.",
        allowed: "open, token or off",
        place: Place {
            set: |config, text| {
                config.registration.mode = RegistrationMode::named(text)?;
                Some(())
            },
            show: |config| Some(config.registration.mode.name().to_owned()),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_REGISTRATION_HOSTS",
        meaning: "Hosts to which redirect URIs of self-registered clients may lead, besides loopback.",
        allowed: "host names such as app.example.com, separated by commas",
        unset: "any, by https",
        place: Place {
            set: |config, text| {
                config.registration.redirect_hosts = registration::hosts(text)?;
                Some(())
            },
            show: |config| value::joined(&config.registration.redirect_hosts),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_REGISTRATION_SCHEMES",
        meaning: "Private-use schemes that redirect URIs of self-registered clients may have.",
        allowed: "schemes such as cursor, separated by commas",
        unset: "any that is safe",
        place: Place {
            set: |config, text| {
                config.registration.schemes = registration::schemes(text)?;
                Some(())
            },
            show: |config| value::joined(&config.registration.schemes),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_REGISTRATION_SCOPE",
        meaning: "What a self-registered client may ever be granted.",
        allowed: "scopes with spaces between, none of them mgmt.*",
        place: Place {
            set: |config, text| {
                config.registration.scope = registration::ceiling(text)?;
                Some(())
            },
            show: |config| Some(config.registration.scope.to_string()),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_SOFTWARE_STATEMENT_ISSUERS",
        meaning: "Whose software statements count in a registration, and where their keys are.",
        allowed: "issuer=jwks_uri, separated by commas",
        unset: "nobody's",
        place: Place {
            set: |config, text| {
                config.registration.statement_issuers = registration::statement_issuers(text)?;
                Some(())
            },
            show: |config| value::joined(&config.registration.statement_issuers),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_TRUSTED_CLIENT_HOSTS",
        meaning: "Hosts whose client metadata documents are shown as verified, besides those of well-known clients.",
        allowed: "host names such as app.example.com, separated by commas",
        unset: "none",
        place: Place {
            set: |config, text| {
                config.registration.trusted_hosts = registration::hosts(text)?;
                Some(())
            },
            show: |config| value::joined(&config.registration.trusted_hosts),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_UNUSED_CLIENT_LIFETIME",
        meaning: "How long a self-registered client that nobody has allowed anything is remembered.",
        allowed: "1h to 365d, such as 7d",
        place: place!(lifetimes.unused_client in HOUR..=YEAR),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_IDLE_CLIENT_LIFETIME",
        meaning: "How long a self-registered client is remembered after its last use; one with a live grant always is.",
        allowed: "1d to 3650d, such as 400d",
        place: place!(lifetimes.idle_client in DAY..=10 * YEAR),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_ALLOW_LOOPBACK_CLIENTS",
        meaning: "Fetch client metadata documents from loopback addresses too, for development and tests.",
        allowed: "true or false",
        place: place!(outbound.allow_loopback_clients),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_EXTRA_CA_FILE",
        meaning: "A file of PEM certificates to trust besides the system's.",
        allowed: "the path of a file",
        unset: "none",
        place: place!(outbound.extra_ca_file),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_UPSTREAM_TIMEOUT",
        meaning: "How long a server behind the gate may take to begin an answer, and to end one that is looked into.",
        allowed: "1s to 1h, such as 2m",
        place: place!(outbound.upstream_timeout in 1..=HOUR),
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_AUDIT",
        meaning: "When decisions at the gateway and tokens of programs are written down: in batches, or each before it counts.",
        allowed: "batched or strict",
        place: Place {
            set: |config, text| {
                config.audit = AuditMode::named(text)?;
                Some(())
            },
            show: |config| Some(config.audit.name().to_owned()),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_AUDIT_RETENTION",
        meaning: "How long events stay in the audit trail; a month goes when all of it is older.",
        allowed: "31d to 36500d, such as 400d, or forever",
        place: Place {
            set: |config, text| {
                let within = |value: &TimeDelta| (31 * DAY..=100 * YEAR).contains(&value.num_seconds());
                config.lifetimes.audit_events = match text.trim() {
                    FOREVER => None,
                    text => Some(TimeDelta::read(text).filter(within)?),
                };
                Some(())
            },
            show: |config| config.lifetimes.audit_events.map_or(Some(FOREVER.to_owned()), |kept| kept.show()),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_LOG",
        meaning: "What is written to standard error.",
        allowed: "error, warn, info, debug, trace or off, also for single modules, such as info,portcullis=debug",
        place: Place {
            set: |config, text| {
                config.log.filter = value::log_filter(text)?;
                Some(())
            },
            show: |config| Some(config.log.filter.clone()),
        },
        ..PLAIN
    },
    Setting {
        name: "PORTCULLIS_LOG_FORMAT",
        meaning: "Log lines for people or for machines.",
        allowed: "text or json",
        place: Place {
            set: |config, text| {
                config.log.json = match text {
                    "json" => true,
                    "text" => false,
                    _ => return None,
                };
                Some(())
            },
            show: |config| Some(if config.log.json { "json" } else { "text" }.to_owned()),
        },
        ..PLAIN
    },
];
