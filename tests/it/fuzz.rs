//! Every parser that faces the network, fed with what nobody sends on purpose: samples that it takes, bent a few times over.
//!
//! A short run is part of the tests, the same each time. `make fuzz` goes on for longer, and from another start each time;
//! what it finds, it prints as small as it can make it.
//!
//! A parser must end, and not panic; what it lets through must hold what its type promises.

use std::env;

use actix_web::http::header::HeaderMap;
use portcullis::config::Config;
use portcullis::crypto::jwt::{self, TokenType, VerifyingKeys};
use portcullis::crypto::statement::{self, Header, KeySet, StatementAlgorithm};
use portcullis::crypto::{PlainToken, RootKeys, TokenKind};
use portcullis::grants::client_metadata::{ClientMetadata, MAX_REDIRECT_URIS, Policy};
use portcullis::grants::client_name;
use portcullis::http::cross_origin;
use portcullis::http::params::Params;
use portcullis::http::return_to::ReturnTo;
use portcullis::mcp::message::Message;
use portcullis::mcp::{era, message};
use portcullis::types::{Algorithm, ClientIdUrl, NumericDate, PublicUrl, RedirectUri, Scope, SubjectId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::Value;

/// A parser, and samples of which it takes at least the first.
struct Target {
    name: &'static str,
    samples: &'static [&'static str],
    /// Says whether it took the input.
    takes: fn(&[u8]) -> bool,
}

const JWT: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsifQ.eyJleHAiOjE3OTUyMzg5NTAsImlhdCI6LTEuNWUzMDAsInN1YiI6ImEifQ.52GjByJetqqEwS3LwnYtvJPPlj2gZ2ForUGVM-NHDkaIKtnK3cBtPUwWOTcOkEeVXsPEV9hFdcbA4keb2OYwyw";
const PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwiY3J2IjoiUC0yNTYiLCJ4IjoibDh0RnJoeC0zNHRWM2hSSUNSRFk5ekNrRGxwQmhGNDJVUVVmV1ZBV0JGcyIsInkiOiI5VkU0amZfT2tfbzY0emJUVGxjdU5KYWpIbXQ2djlURFZyVTBDZHZHUkRBIn19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","kid":"k","use":"sig","alg":"ES256"}"#;

const TARGETS: &[Target] = &[
    Target {
        name: "parameters of a query or form",
        samples: &[
            "grant_type=authorization_code&code=pclc_x&resource=https%3A%2F%2Fa.example%2Fmcp&resource=b",
            "client_id=a&redirect_uri=http://127.0.0.1:1/cb&scope=mcp%3Aread+openid&state=%F0%9F%94%91",
        ],
        takes: |bytes| {
            let params = Params::parse(bytes);
            let good = params.flaw().is_none();
            assert!(!good || params.get("client_id").is_none_or(|id| !id.is_empty() && !id.contains('\0')));
            good
        },
    },
    Target {
        name: "redirect URI",
        samples: &[
            "https://app.example/cb?a=b",
            "http://127.0.0.1:3000/cb",
            "http://[::1]/",
            "cursor://anysphere.cursor/cb",
        ],
        takes: |bytes| {
            with_text(bytes, |text| {
                text.parse::<RedirectUri>().is_ok_and(|uri| {
                    assert!(uri.matches(uri.as_str()), "{text:?} is not itself");
                    let scheme = uri.as_str().split(':').next().unwrap_or_default().to_ascii_lowercase();
                    let danger = ["javascript", "data", "file", "vbscript", "blob"];
                    assert!(!danger.contains(&scheme.as_str()), "{text:?} is dangerous");
                    assert!(!uri.as_str().contains(['#', '\n', '\r', '\t', '\\', ' ']), "{text:?}");
                    true
                })
            })
        },
    },
    Target {
        name: "client id that is a URL",
        samples: &["https://app.example/client.json", "https://app.example:8443/a/b?c", "http://localhost:3000/client"],
        takes: |bytes| {
            with_text(bytes, |text| {
                ClientIdUrl::parse(text, false).is_ok_and(|url| {
                    assert!(url.as_str() == text && text.starts_with("https://") && !text.contains('#'), "{text:?}");
                    true
                })
            })
        },
    },
    Target {
        name: "registration request",
        samples: &[
            r#"{"redirect_uris":["http://localhost:1/cb"],"client_name":"An app","grant_types":["authorization_code"],"scope":"mcp:read"}"#,
            r#"{"client_id":"https://a.example/c","client_name":"x","redirect_uris":["https://a.example/cb"],"token_endpoint_auth_method":"none"}"#,
        ],
        takes: |bytes| {
            let url = ClientIdUrl::parse("https://a.example/c", false).unwrap();
            let _ = ClientMetadata::from_document(&url, bytes, &Policy::default());
            ClientMetadata::from_request(bytes, None, &Policy::default()).is_ok_and(|registration| {
                assert!(registration.redirect_uris.len() <= MAX_REDIRECT_URIS && !registration.name.is_empty());
                assert!(!registration.response("id", None, chrono::DateTime::UNIX_EPOCH).to_string().contains(":null"));
                true
            })
        },
    },
    Target {
        name: "client name",
        samples: &["Claude\u{202e} Code", "\u{200b}Visual Studio Code", "Ａ\u{301}", "<b>x</b>"],
        takes: |bytes| {
            with_text(bytes, |text| {
                let clean = client_name::clean(text);
                assert_eq!(client_name::clean(&clean), clean, "{text:?} is not clean the first time");
                let _ = (client_name::is_deceptive(text), client_name::imitates(text, Some("claude.ai")));
                !clean.is_empty()
            })
        },
    },
    Target {
        name: "scope",
        samples: &["openid mcp:read mcp:write", "a!#$%&'()*+,-./:;<=>?@[]^_`{|}~"],
        takes: |bytes| {
            with_text(bytes, |text| {
                text.parse::<Scope>().is_ok_and(|scope| {
                    assert_eq!(scope.to_string().parse::<Scope>().unwrap(), scope, "{text:?}");
                    assert!(scope.within(&scope) == scope && scope.covers(&scope), "{text:?}");
                    true
                })
            })
        },
    },
    Target {
        name: "opaque token",
        samples: &["pclr_PWon5wRDmOlVNYTra667yuPrPneyl9JB9pDqsd60g9F2E5k3F", "pclc_", "pcls_0000"],
        takes: |bytes| {
            with_text(bytes, |text| {
                let kinds = [TokenKind::Refresh, TokenKind::Code, TokenKind::Session];
                let taken: Vec<_> = kinds.into_iter().filter_map(|kind| PlainToken::parse(kind, text)).collect();
                assert!(taken.len() <= 1 && taken.iter().all(|token| token.reveal() == text), "{text:?}");
                !taken.is_empty()
            })
        },
    },
    Target {
        name: "token that somebody signed",
        samples: &[JWT, PROOF],
        takes: |bytes| {
            with_text(bytes, |text| {
                let _ = (jwt::kid_of(text), statement::unverified::<Value>(text));
                let key: Value = serde_json::from_str(KEY).unwrap();
                let keys = KeySet::parse(&serde_json::json!({ "keys": [key] })).unwrap();
                let _ = keys.verify::<Value>(text, &StatementAlgorithm::ALL);
                let _ = statement::prove_possession::<Value>(text, "dpop+jwt");
                let mut ours = VerifyingKeys::default();
                ours.add("k", Algorithm::Es256, &key).unwrap();
                assert!(ours.verify::<Value>(TokenType::AccessToken, text).is_none(), "{text:?} is signed by nobody");
                Header::of(text).is_some()
            })
        },
    },
    Target {
        name: "key set",
        samples: &[
            r#"{"keys":[{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}]}"#,
            r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"OKP","crv":"Ed25519","x":"AA"},{"kty":"oct","k":"AA"}]}"#,
        ],
        takes: |bytes| {
            let json = serde_json::from_slice::<Value>(bytes).unwrap_or_default();
            KeySet::parse(&json).is_ok_and(|keys| {
                let _ = keys.verify::<Value>(JWT, &StatementAlgorithm::ALL);
                true
            })
        },
    },
    Target {
        name: "time in a token",
        samples: &["1795238950", "1795238950.25", "-1e15", "18446744073709551615", "1e999"],
        takes: |bytes| serde_json::from_slice::<NumericDate>(bytes).is_ok(),
    },
    Target {
        name: "subject of a token",
        samples: &["01a1fc5d-88d3-74f4-b087-6e6a84433f30", "service:01a1fc5d-88d3-74f4-b087-6e6a84433f30"],
        takes: |bytes| {
            with_text(bytes, |text| {
                text.parse::<SubjectId>().is_ok_and(|subject| subject.to_string().parse() == Ok(subject))
            })
        },
    },
    Target {
        name: "where to return to",
        samples: &["/base/oauth/authorize?client_id=a", "//evil.example", "/\\evil.example", "/base/../b"],
        takes: |bytes| {
            with_text(bytes, |text| {
                let public: PublicUrl = "https://gate.example/base".parse().unwrap();
                assert!(ReturnTo::open(&public, &keys(), text, chrono::DateTime::UNIX_EPOCH).is_none(), "{text:?}");
                ReturnTo::new(&public, text).is_some_and(|back| {
                    let url = back.url(&public);
                    let host = url::Url::parse(&url).unwrap().host_str().map(str::to_owned);
                    assert_eq!(host.as_deref(), Some("gate.example"), "{text:?} leads to {url}");
                    true
                })
            })
        },
    },
    Target {
        name: "MCP message",
        samples: &[
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_services","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"[{"jsonrpc":"2.0","id":"a","method":"ping"}]"#,
        ],
        takes: |bytes| {
            let Ok(message) = message::parse(bytes) else { return false };
            if let Message::Request(request) = message {
                let _ = era::of(&HeaderMap::new(), &request);
            }
            true
        },
    },
    Target {
        name: "Origin",
        samples: &["http://localhost:3000", "http://127.0.0.1", "http://[::1]:8080", "null"],
        takes: |bytes| {
            with_text(bytes, |text| {
                let is_known = cross_origin::is_known(text, &Config::default().server);
                let host = url::Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
                let is_here =
                    host.is_some_and(|host| host == "localhost" || host == "[::1]" || host.starts_with("127."));
                assert!(!is_known || is_here, "{text:?}");
                is_known
            })
        },
    },
];

fn with_text(bytes: &[u8], takes: impl FnOnce(&str) -> bool) -> bool {
    takes(&String::from_utf8_lossy(bytes))
}

fn keys() -> RootKeys {
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".parse().unwrap()
}

/// One way to bend a sample.
#[derive(Clone, Debug)]
enum Bend {
    /// Another byte in a place.
    Change(Index, u8),
    /// A part again, or a part of it gone.
    Repeat(Index, Index),
    Cut(Index, Index),
    /// What parsers stumble over, put in somewhere.
    Insert(Index, &'static str),
}

const STUMBLING: [&str; 24] = [
    "\0",
    "%00",
    "%",
    "&",
    "=",
    "\"",
    "\\",
    "\\u0000",
    "\u{feff}",
    "\u{202e}",
    "..",
    "//",
    "@",
    ":",
    "#",
    "[",
    "{",
    "null",
    "-1",
    "1e309",
    "9223372036854775808",
    "é",
    "\r\n",
    "%2e%2e%2f",
];

fn bend() -> impl Strategy<Value = Bend> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Bend::Change(at, byte)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Bend::Repeat(from, to)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Bend::Cut(from, to)),
        (any::<Index>(), select(&STUMBLING[..])).prop_map(|(at, what)| Bend::Insert(at, what)),
    ]
}

fn bent(sample: &str, bends: &[Bend]) -> Vec<u8> {
    let mut bytes = sample.as_bytes().to_vec();
    for bend in bends {
        let places = bytes.len() + 1;
        let span = |from: &Index, to: &Index| {
            let (from, to) = (from.index(places), to.index(places));
            from.min(to)..from.max(to)
        };
        match bend {
            Bend::Change(at, byte) => {
                if let Some(place) = bytes.get_mut(at.index(places)) {
                    *place = *byte;
                }
            }
            Bend::Repeat(from, to) => {
                let part = bytes[span(from, to)].to_vec();
                bytes.splice(to.index(places).., part.repeat(2)).for_each(drop);
            }
            Bend::Cut(from, to) => drop(bytes.drain(span(from, to))),
            Bend::Insert(at, what) => {
                let at = at.index(places);
                bytes.splice(at..at, what.bytes()).for_each(drop);
            }
        }
        bytes.truncate(16 * 1024);
    }
    bytes
}

/// How many inputs for each target, where somebody wants more than a short run.
#[expect(clippy::disallowed_methods, reason = "it decides how long this test runs, and nothing of the program")]
fn longer() -> Option<u32> {
    env::var("PORTCULLIS_FUZZ_CASES").ok().map(|cases| cases.parse().expect("PORTCULLIS_FUZZ_CASES is a number"))
}

#[test]
fn no_parser_that_faces_the_network_panics_or_breaks_its_promise() {
    let longer = longer();
    for target in TARGETS {
        let runs = Runs { cases: longer.unwrap_or(2000), failure_persistence: None, ..Runs::default() };
        let mut runner = match longer {
            Some(_) => TestRunner::new(runs),
            None => TestRunner::new_with_rng(runs, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
        };
        let inputs = (select(target.samples), vec(bend(), 0..6)).prop_map(|(sample, bends)| bent(sample, &bends));
        let fed = runner.run(&inputs, |bytes| {
            let fed = std::panic::catch_unwind(|| (target.takes)(&bytes));
            fed.map(drop).map_err(|_| TestCaseError::fail(String::from_utf8_lossy(&bytes).into_owned()))
        });
        fed.unwrap_or_else(|found| panic!("{}: {found}", target.name));
    }
}

/// Bending what a parser refuses anyway would try little of it.
#[test]
fn the_first_sample_of_each_is_one_that_its_parser_takes() {
    for Target { name, samples, takes } in TARGETS {
        assert!(takes(samples[0].as_bytes()), "{name}");
    }
}
