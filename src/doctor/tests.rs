//! The judgements, over recorded answers of a good server and of servers with one fault each.

use serde_json::{Value, json};

use super::*;
use crate::net::{Exchange, Method, NetError, Request};

const MCP: &str = "https://mcp.example/mcp";
const ISSUER: &str = "https://mcp.example";
const PRM: &str = "https://mcp.example/.well-known/oauth-protected-resource/mcp";
const AS: &str = "https://mcp.example/.well-known/oauth-authorization-server";

/// A server as data: what it answers, until a fault changes it.
struct Server {
    /// For requests to the endpoint itself.
    knock: Exchange,
    resource: Value,
    issuer: Value,
    authorize: Exchange,
    registration: Exchange,
    token: Exchange,
    /// Whatever a fault answers otherwise, by the beginning of the URL.
    instead: Vec<(&'static str, Seen)>,
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Exchange {
    let open = [("access-control-allow-origin", "*"), ("access-control-expose-headers", "WWW-Authenticate")];
    let headers = headers.iter().chain(&open).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Exchange { status, headers: headers.collect(), body: body.into(), is_whole: true }
}

fn said(status: u16, body: &Value) -> Exchange {
    answer(status, &[("content-type", "application/json")], &body.to_string())
}

impl Server {
    fn good() -> Self {
        let challenge = format!(r#"Bearer scope="mcp:read", resource_metadata="{PRM}""#);
        Self {
            knock: answer(401, &[("www-authenticate", &challenge)], "{}"),
            resource: json!({ "resource": MCP, "authorization_servers": [ISSUER], "scopes_supported": ["mcp:read"] }),
            issuer: json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("{ISSUER}/authorize"),
                "token_endpoint": format!("{ISSUER}/token"),
                "registration_endpoint": format!("{ISSUER}/register"),
                "jwks_uri": format!("{ISSUER}/jwks"),
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none"],
                "scopes_supported": ["mcp:read", "offline_access"],
                "authorization_response_iss_parameter_supported": true,
                "client_id_metadata_document_supported": true,
            }),
            authorize: answer(303, &[("location", "https://mcp.example/login")], ""),
            registration: said(201, &json!({ "client_id": "c1" })),
            token: said(401, &json!({ "error": "invalid_client" })),
            instead: Vec::new(),
        }
    }

    fn of(fault: impl FnOnce(&mut Self)) -> Self {
        let mut server = Self::good();
        fault(&mut server);
        server
    }

    fn answer(&self, request: &Request) -> Seen {
        let url = request.url.as_str();
        if let Some((_, seen)) = self.instead.iter().find(|(begins, _)| url.starts_with(begins)) {
            return seen.clone();
        }
        Ok(match url.split('?').next().unwrap() {
            MCP => self.knock.clone(),
            PRM => said(200, &self.resource),
            AS => said(200, &self.issuer),
            "https://mcp.example/authorize" => self.authorize.clone(),
            "https://mcp.example/register" if request.method == Method::Post => {
                // What was asked for is echoed, but for what the fault says.
                let mut known: Value = serde_json::from_str(request.body.as_deref().unwrap()).unwrap();
                if let Some(told) = serde_json::from_slice::<Value>(&self.registration.body).unwrap().as_object() {
                    known.as_object_mut().unwrap().extend(told.clone());
                }
                Exchange { body: known.to_string().into(), ..self.registration.clone() }
            }
            "https://mcp.example/register/c1" => {
                assert_eq!(request.headers.last().unwrap().1, "Bearer rat");
                answer(204, &[], "")
            }
            "https://mcp.example/token" => self.token.clone(),
            "https://mcp.example/jwks" => said(200, &json!({ "keys": [{}] })),
            _ => said(404, &json!({ "error": "not_found" })),
        })
    }

    fn examine(&self, profile: &Profile, registers: bool) -> (Diagnosis, Vec<Request>) {
        let case = Case::new(MCP, registers, "challenge-of-nobody".to_owned()).unwrap();
        let (mut records, mut asked) = (Records::default(), Vec::new());
        for _ in 0..30 {
            match examine(&case, profile, &records) {
                Ok(diagnosis) => return (diagnosis, asked),
                Err(Missing(request)) => {
                    asked.push(request.clone());
                    records.keep(request.clone(), self.answer(&request));
                }
            }
        }
        panic!("it never has enough: {asked:#?}");
    }

    fn level_of(&self, client: &str, rule: &str) -> Option<Level> {
        let (diagnosis, _) = self.examine(profile::named(client).unwrap(), true);
        diagnosis.findings.iter().filter(|finding| finding.rule == rule).map(|finding| finding.level).max()
    }
}

#[test]
fn a_good_server_pleases_every_client() {
    for profile in &profile::ALL {
        for registers in [false, true] {
            let (diagnosis, asked) = Server::good().examine(profile, registers);
            let complaints: Vec<_> = diagnosis.findings.iter().filter(|found| found.level != Level::Ok).collect();
            assert!(complaints.is_empty(), "{}: {complaints:#?}", profile.name);
            let changes = asked.iter().filter(|request| request.url.ends_with("/register")).count();
            let by_document = profile.metadata_url.is_some();
            assert_eq!(changes, usize::from(registers && !by_document), "{}: nothing changes unasked", profile.name);
        }
    }
}

#[test]
fn every_client_has_a_name_of_its_own() {
    for (place, profile) in profile::ALL.iter().enumerate() {
        assert!(profile::ALL[..place].iter().all(|other| other.id != profile.id && other.name != profile.name));
        assert_eq!(profile::named(profile.id).unwrap().name, profile.name);
        assert!(!profile.redirect_uris.is_empty());
    }
}

type Fault = fn(&mut Server);
/// For these clients, so bad; `None` where it is no matter.
type Minded = &'static [(&'static str, Option<Level>)];

/// A fault, the rule that finds it, and how bad it is for which client.
const FAULTS: &[(Fault, &str, Minded)] = &[
    (
        |server| server.issuer["issuer"] = json!("https://other.example"),
        "issuer_mismatch",
        &[
            ("python-sdk", Some(Level::Problem)),
            ("rmcp", Some(Level::Problem)),
            ("typescript-client-2", Some(Level::Problem)),
            ("typescript-sdk-1", Some(Level::Note)),
        ],
    ),
    (
        |server| server.issuer["issuer"] = json!("https://mcp.example/"),
        "issuer_mismatch",
        &[("python-sdk", Some(Level::Problem)), ("rmcp", Some(Level::Note)), ("mcp-remote", Some(Level::Note))],
    ),
    (
        |server| server.issuer["op_policy_uri"] = Value::Null,
        "null_member",
        &[("typescript-sdk-1", Some(Level::Problem)), ("python-sdk", Some(Level::Note)), ("rmcp", Some(Level::Note))],
    ),
    (
        |server| server.resource["resource_name"] = Value::Null,
        "null_member",
        &[("claude-code", Some(Level::Problem)), ("rmcp", Some(Level::Note))],
    ),
    (
        |server| server.issuer["code_challenge_methods_supported"] = json!(["plain"]),
        "no_s256",
        &[("claude", Some(Level::Problem)), ("rmcp", Some(Level::Problem))],
    ),
    (
        |server| drop(server.issuer.as_object_mut().unwrap().remove("code_challenge_methods_supported")),
        "no_s256",
        &[("vs-code", Some(Level::Problem))],
    ),
    (
        |server| server.knock = said(405, &json!({})),
        "get_not_challenged",
        &[("rmcp", Some(Level::Problem)), ("mcp-remote", Some(Level::Problem)), ("claude", None)],
    ),
    (
        |server| {
            let lines = [("www-authenticate", "Basic realm=\"a\""), ("www-authenticate", "Bearer scope=\"mcp:read\"")];
            server.knock = answer(401, &lines, "{}");
        },
        "bearer_not_first",
        &[("typescript-sdk-1", Some(Level::Note)), ("python-sdk", None)],
    ),
    (
        |server| {
            let header = format!(
                r#"Bearer error_description="ask for scope=admin or so", scope="mcp:read", resource_metadata="{PRM}""#
            );
            server.knock = answer(401, &[("www-authenticate", &header)], "{}");
        },
        "misread_challenge",
        &[("typescript-sdk-1", Some(Level::Problem)), ("python-sdk", Some(Level::Problem))],
    ),
    (|server| server.knock = answer(401, &[], "{}"), "no_challenge", &[("cursor", Some(Level::Note))]),
    (|server| server.knock = said(403, &json!({})), "forbidden", &[("chatgpt", Some(Level::Problem))]),
    (
        |server| server.knock = said(406, &json!({})),
        "checked_too_early",
        &[("rmcp", Some(Level::Problem)), ("python-sdk", Some(Level::Problem))],
    ),
    (
        |server| server.resource["resource"] = json!("https://internal.example/mcp"),
        "resource_mismatch",
        &[("claude", Some(Level::Problem)), ("rmcp", Some(Level::Problem))],
    ),
    (
        |server| server.resource["resource"] = json!("https://mcp.example/mcp/"),
        "resource_mismatch",
        &[("claude", None)],
    ),
    (
        |server| server.resource["resource"] = json!("https://mcp.example"),
        "resource_differs",
        &[("claude", Some(Level::Note))],
    ),
    (
        |server| server.resource["authorization_servers"] = json!([]),
        "no_authorization_server",
        &[("python-sdk", Some(Level::Problem))],
    ),
    (
        |server| server.issuer["token_endpoint"] = json!("http://mcp.example/token"),
        "insecure_endpoint",
        &[("typescript-client-2", Some(Level::Problem))],
    ),
    (
        |server| server.issuer["authorization_endpoint"] = json!("https://mcp.example/authorize?tenant=1"),
        "endpoint_with_query",
        &[("python-sdk", Some(Level::Problem)), ("claude", None)],
    ),
    (
        |server| {
            drop(server.issuer.as_object_mut().unwrap().remove("registration_endpoint"));
            server.issuer["client_id_metadata_document_supported"] = json!(false);
        },
        "no_registration",
        &[("cursor", Some(Level::Problem)), ("vs-code", Some(Level::Problem))],
    ),
    (
        |server| drop(server.issuer.as_object_mut().unwrap().remove("registration_endpoint")),
        "no_registration",
        &[("cursor", Some(Level::Problem)), ("vs-code", None), ("claude-code", None)],
    ),
    (
        |server| server.registration = said(400, &json!({ "error": "invalid_redirect_uri", "client_id": null })),
        "registration_refused",
        &[("cursor", Some(Level::Problem)), ("claude-code", None)],
    ),
    (
        |server| {
            server.registration = said(201, &json!({ "client_id": "c1", "redirect_uris": ["http://localhost/x"] }))
        },
        "redirect_uri_dropped",
        &[("cursor", Some(Level::Problem))],
    ),
    (
        |server| server.registration = said(201, &json!({ "client_id": "c1", "client_secret": null })),
        "null_member",
        &[("cursor", Some(Level::Problem)), ("rmcp", Some(Level::Note))],
    ),
    (
        |server| {
            let back = "https://claude.ai/api/mcp/auth_callback?error=invalid_target&error_description=no&state=x";
            server.authorize = answer(302, &[("location", back)], "");
        },
        "authorization_refused",
        &[("claude", Some(Level::Problem)), ("cursor", None)],
    ),
    (
        |server| {
            let back = "https://claude.ai/api/mcp/auth_callback?code=abc";
            server.authorize = answer(302, &[("location", back)], "");
        },
        "code_for_nobody",
        &[("claude", Some(Level::Problem))],
    ),
    (
        |server| server.token = answer(400, &[], "<h1>Bad request</h1>"),
        "error_not_json",
        &[("claude", Some(Level::Problem))],
    ),
    (
        |server| server.token = said(400, &json!({ "error": "invalid_grant" })),
        "unknown_client",
        &[("claude", Some(Level::Note))],
    ),
    (
        |server| server.token = said(200, &json!({ "access_token": "x" })),
        "token_for_nothing",
        &[("claude", Some(Level::Problem))],
    ),
    (
        |server| server.token.headers.retain(|(name, _)| !name.starts_with("access-control")),
        "cors",
        &[("inspector", Some(Level::Problem)), ("claude-code", None)],
    ),
    (
        |server| server.instead = vec![("https://mcp.example/jwks", Err(NetError::TimedOut))],
        "no_keys",
        &[("claude", Some(Level::Note))],
    ),
    (
        |server| server.instead = vec![("https://mcp.example/.well-known", Ok(said(503, &json!({}))))],
        "server_error",
        &[("typescript-sdk-1", Some(Level::Problem)), ("python-sdk", Some(Level::Problem))],
    ),
    (
        |server| server.instead = vec![("https://mcp.example/.well-known", Ok(answer(200, &[], "<html>")))],
        "not_json",
        &[("mcp-remote", Some(Level::Problem))],
    ),
    (
        |server| {
            server.instead =
                vec![("https://mcp.example/.well-known/oauth-protected", Ok(answer(404, &[], "Not Found")))]
        },
        "error_not_json",
        &[("claude-code", Some(Level::Note)), ("cursor", None)],
    ),
    (
        |server| server.instead = vec![("https://mcp.example/.well-known/oauth-protected", Ok(said(404, &json!({}))))],
        "no_document",
        &[("vs-code", Some(Level::Problem)), ("typescript-sdk-1", Some(Level::Note))],
    ),
    (
        |server| server.instead = vec![(MCP, Err(NetError::Unreachable))],
        "unreachable",
        &[("claude", Some(Level::Problem)), ("rmcp", Some(Level::Problem))],
    ),
];

#[test]
fn every_fault_is_found_for_the_clients_that_mind_it_and_for_no_others() {
    for (number, (fault, rule, clients)) in FAULTS.iter().enumerate() {
        let server = Server::of(fault);
        for (client, level) in *clients {
            assert_eq!(server.level_of(client, rule), *level, "fault {number}, {rule}, {client}");
        }
    }
}

#[test]
fn whatever_is_not_as_it_should_be_says_what_that_means_and_how_to_mend_it() {
    for (fault, ..) in FAULTS {
        for profile in &profile::ALL {
            let (diagnosis, _) = Server::of(fault).examine(profile, true);
            for finding in diagnosis.findings {
                let is_explained = !finding.means.is_empty() && !finding.mend.is_empty();
                assert_eq!(is_explained, finding.level != Level::Ok, "{finding:?}");
            }
        }
    }
}

#[test]
fn a_registration_is_taken_back_where_that_is_offered_by_the_server_itself() {
    let with = |uri: &str| {
        let told = json!({ "client_id": "c1", "registration_client_uri": uri, "registration_access_token": "rat" });
        Server::of(|server| server.registration = said(201, &told))
    };
    let removed = with("https://mcp.example/register/c1");
    assert_eq!(removed.level_of("cursor", "removed"), Some(Level::Ok));
    // A server that is examined does not choose what we delete.
    let elsewhere = with("https://victim.example/everything");
    let (_, asked) = elsewhere.examine(profile::named("cursor").unwrap(), true);
    assert!(asked.iter().all(|request| request.url.starts_with(ISSUER)), "{asked:#?}");
    assert_eq!(elsewhere.level_of("cursor", "left_behind"), Some(Level::Ok));
}

#[test]
fn clients_in_the_cloud_are_told_from_those_on_a_desk() {
    let examined = |url: &str, client: &str| {
        let case = Case::new(url, false, "c".to_owned()).unwrap();
        let mut records = Records::default();
        loop {
            match examine(&case, profile::named(client).unwrap(), &records) {
                Ok(diagnosis) => return diagnosis.findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(),
                Err(Missing(request)) => records.keep(request, Ok(said(404, &json!({})))),
            }
        }
    };
    assert!(examined("http://localhost:8080/mcp", "claude").contains(&"not_public"));
    assert!(!examined("http://localhost:8080/mcp", "cursor").contains(&"not_public"));
    assert!(examined("http://mcp.example/mcp", "chatgpt").contains(&"plain_http"));
    assert!(!examined("https://mcp.example/mcp", "chatgpt").contains(&"plain_http"));
}

#[test]
fn only_an_endpoint_can_be_examined() {
    for bad in ["", "mcp.example/mcp", "ftp://mcp.example", "https://u:p@mcp.example/", "https://"] {
        assert_eq!(Case::new(bad, false, String::new()).err(), Some(BadUrl), "{bad}");
    }
}
