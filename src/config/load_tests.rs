use std::io::Write;

use secrecy::ExposeSecret;

use super::*;

const KEY: (&str, &str) = ("PORTCULLIS_SECRET_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");

fn load(variables: &[(&str, &str)], file: &str) -> Result<Loaded, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let file = ConfigFile { path: "portcullis.toml".into(), text: file.to_owned() };
    Config::load(variables, Some(&file)).map_err(|error| error.to_string())
}

fn refusal(variables: &[(&str, &str)], file: &str) -> String {
    load(variables, file).unwrap_err()
}

#[test]
fn nothing_given_is_the_documented_default() {
    let loaded = load(&[], "").unwrap();
    let shown = |name: &str| loaded.settings().find(|setting| setting.name == name).unwrap().value;
    for (name, value) in [
        ("DATABASE_URL", None),
        ("PORTCULLIS_DATA_DIR", Some("./data")),
        ("PORTCULLIS_BIND", Some("127.0.0.1:8080")),
        ("PORTCULLIS_PUBLIC_URL", Some("http://localhost:8080")),
        ("PORTCULLIS_ADMIN_USERNAME", Some("admin")),
        ("PORTCULLIS_ADMIN_PASSWORD", None),
        ("PORTCULLIS_LOG", Some("info")),
        ("PORTCULLIS_REFRESH_GRACE", Some("2m")),
    ] {
        assert_eq!(shown(name).as_deref(), value, "{name}");
    }
    assert!(loaded.settings().all(|setting| *setting.source == Source::Default));
}

#[test]
fn every_default_is_a_value_that_its_setting_would_take() {
    let config = Config::default();
    for setting in SETTINGS.iter().filter(|setting| !setting.secret) {
        match setting.shown(&config) {
            Some(shown) => {
                let mut again = Config::default();
                assert!((setting.place.set)(&mut again, &shown).is_some(), "{} = {shown}", setting.name);
                assert_eq!(setting.shown(&again), Some(shown), "{}", setting.name);
            }
            None => assert!(!setting.unset.is_empty(), "{} says nothing of having no value", setting.name),
        }
    }
}

#[test]
fn the_environment_wins_over_the_file_and_both_are_remembered() {
    let file = "bind = \"127.0.0.1:1\"\nworkers = 3\nallowed_origins = [\"https://a.example\", \"https://b.example\"]";
    let loaded = load(&[("PORTCULLIS_BIND", "127.0.0.1:2"), ("HOME", "/home/me")], file).unwrap();
    assert_eq!(loaded.config.server.bind.port(), 2);
    assert_eq!(loaded.config.server.workers, Some(3));
    assert_eq!(loaded.config.server.allowed_origins.len(), 2);
    assert_eq!(*loaded.source("PORTCULLIS_BIND"), Source::Environment);
    assert_eq!(loaded.source("PORTCULLIS_WORKERS").to_string(), "portcullis.toml");
}

#[test]
fn a_misspelt_name_is_refused_with_the_one_that_was_meant() {
    assert_eq!(
        refusal(&[("PORTCULLIS_PUBLC_URL", "https://x.example")], ""),
        "PORTCULLIS_PUBLC_URL (environment) is not a setting; did you mean PORTCULLIS_PUBLIC_URL?"
    );
    assert_eq!(
        refusal(&[], "databse_url = \"x\""),
        "databse_url (portcullis.toml) is not a setting; did you mean database_url?"
    );
    assert!(refusal(&[("PORTCULLIS_DATABASE_URL", "x")], "").ends_with("did you mean DATABASE_URL?"));
    assert!(refusal(&[("PORTCULLIS_QQQ", "x")], "").ends_with("is not a setting"));
    assert!(refusal(&[("PORTCULLIS_BIND_FILE", "x")], "").contains("is not a setting"), "only secrets come by file");
}

#[test]
fn a_wrong_value_is_named_with_what_is_allowed() {
    assert_eq!(
        refusal(&[("PORTCULLIS_BIND", "8080")], ""),
        "PORTCULLIS_BIND (environment) is \"8080\" but must be an IP address and a port, such as 127.0.0.1:8080 or [::]:8080"
    );
    for (name, value) in [
        ("PORTCULLIS_PUBLIC_URL", "http://portcullis.example"),
        ("PORTCULLIS_WORKERS", "0"),
        ("PORTCULLIS_CODE_LIFETIME", "11m"),
        ("PORTCULLIS_ACCESS_TOKEN_LIFETIME", "3600"),
        ("PORTCULLIS_ACCESS_TOKEN_ALGORITHM", "none"),
        ("PORTCULLIS_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("PORTCULLIS_ADMIN_USERNAME", "a b"),
        ("PORTCULLIS_LOG_FORMAT", "xml"),
    ] {
        let refusal = refusal(&[(name, value)], "");
        assert!(refusal.starts_with(name) && refusal.contains(value), "{refusal}");
    }
}

#[test]
fn a_wrong_secret_is_named_but_never_shown() {
    let refusal = refusal(&[("DATABASE_URL", "mysql://root:hunter2@db"), KEY], "");
    assert!(refusal.starts_with("DATABASE_URL (environment) is something else"), "{refusal}");
    assert!(!refusal.contains("hunter2"));
}

#[test]
fn a_secret_may_lie_in_a_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "correct horse").unwrap();
    let path = file.path().to_str().unwrap();
    let loaded = load(&[("PORTCULLIS_ADMIN_PASSWORD_FILE", path)], "admin_password = \"from the file\"").unwrap();
    assert_eq!(loaded.config.admin.password.unwrap().expose_secret(), "correct horse");

    let both = [("PORTCULLIS_ADMIN_PASSWORD", "x"), ("PORTCULLIS_ADMIN_PASSWORD_FILE", path)];
    assert_eq!(
        refusal(&both, ""),
        "PORTCULLIS_ADMIN_PASSWORD and PORTCULLIS_ADMIN_PASSWORD_FILE are both set; keep one of them"
    );
    let missing = refusal(&[("PORTCULLIS_ADMIN_PASSWORD_FILE", "/nowhere/at/all")], "");
    assert!(
        missing.starts_with("PORTCULLIS_ADMIN_PASSWORD_FILE, the file /nowhere/at/all cannot be read"),
        "{missing}"
    );
}

#[test]
fn no_secret_shows_in_the_effective_settings() {
    let loaded = load(
        &[
            KEY,
            ("DATABASE_URL", "postgres://me:hunter2@db/app"),
            ("PORTCULLIS_ADMIN_PASSWORD", "hunter2"),
            ("PORTCULLIS_DATABASE_DIRECT_URL", "postgres://me@db/app?password=hunter2"),
        ],
        "",
    );
    let shown = format!("{:?}", loaded.unwrap().settings().collect::<Vec<_>>());
    assert!(!shown.contains("hunter2") && !shown.contains(KEY.1), "{shown}");
    assert!(shown.contains("me:********@db"));
}

#[test]
fn someone_elses_database_needs_a_key_that_its_owner_keeps() {
    let refusal = refusal(&[("DATABASE_URL", "postgres://db/app")], "");
    assert!(refusal.starts_with("PORTCULLIS_SECRET_KEY must be set"), "{refusal}");
    assert!(load(&[("DATABASE_URL", "postgres://db/app"), KEY], "").is_ok());
}

#[test]
fn the_default_url_follows_the_port_and_an_explicit_one_does_not() {
    let moved = load(&[("PORTCULLIS_BIND", "127.0.0.1:9000")], "").unwrap();
    assert_eq!(moved.config.server.public_url.issuer(), "http://localhost:9000");
    let kept = load(&[("PORTCULLIS_BIND", "127.0.0.1:9000")], "public_url = \"https://gate.example\"").unwrap();
    assert_eq!(kept.config.server.public_url.issuer(), "https://gate.example");
}

#[test]
fn an_idle_time_beyond_its_absolute_one_is_refused() {
    assert_eq!(
        refusal(&[("PORTCULLIS_SESSION_IDLE", "60d")], ""),
        "PORTCULLIS_SESSION_IDLE is 60d but cannot exceed PORTCULLIS_SESSION_LIFETIME, which is 30d"
    );
}

#[test]
fn a_broken_file_is_named_with_the_line() {
    let refusal = refusal(&[], "workers = 2\nbind = \n");
    assert!(refusal.starts_with("portcullis.toml, line 2: "), "{refusal}");
    assert!(Config::load([], Some(&ConfigFile { path: "x".into(), text: "[bind]\na = 1".into() })).is_err());
}

#[test]
fn an_empty_variable_counts_as_unset() {
    assert!(load(&[("DATABASE_URL", ""), ("PORTCULLIS_WORKERS", "")], "").is_ok());
}
