//! What each client is told so that it connects here: files, commands and install links, ready to copy.
//!
//! The formats are those of the clients' own documentation (November 2026), named beside each; the documentation of this
//! project shows the same, which a test holds it to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::form_urlencoded;

/// What the server is called in everybody's files.
const NAME: &str = "portcullis";
/// What stands where the key belongs.
pub const PLACEHOLDER: &str = "YOUR_API_KEY";
/// The variable that keeps the key out of files.
const VARIABLE: &str = "MCP_API_KEY";

/// A client that we know how to set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum McpClient {
    /// Visual Studio Code.
    VsCode,
    /// Claude Code.
    ClaudeCode,
    /// Claude Desktop and claude.ai.
    ClaudeDesktop,
    /// Cursor.
    Cursor,
    /// Windsurf.
    Windsurf,
    /// Roo Code.
    Roo,
    /// Codex.
    Codex,
    /// Gemini CLI.
    GeminiCli,
    /// Any other that reads the common JSON.
    Other,
    /// A shell script.
    Script,
}

/// How a client gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It opens the browser and signs in; there is no secret to keep.
    Oauth,
    /// It sends an API key.
    ApiKey,
}

/// How one client is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// A link that opens the client, where it has such a thing.
    pub install: Option<Install>,
    /// What is copied where; any one of them does.
    pub blocks: Vec<Block>,
    /// What happens next.
    pub next: &'static str,
}

/// A link that installs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// What the button says.
    pub label: &'static str,
    /// Where it leads: to the client, on this computer.
    pub href: String,
}

/// One text to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Names it on the page.
    pub id: &'static str,
    /// Where it goes.
    pub place: &'static str,
    /// What it is written in.
    pub format: Format,
    /// The text.
    pub code: String,
}

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// TOML.
    Toml,
    /// A line for a shell.
    Shell,
    /// Something that is pasted into a field.
    Text,
}

impl McpClient {
    /// Every client, in the order of the page.
    pub const ALL: [Self; 10] = [
        Self::VsCode,
        Self::ClaudeCode,
        Self::ClaudeDesktop,
        Self::Cursor,
        Self::Windsurf,
        Self::Roo,
        Self::Codex,
        Self::GeminiCli,
        Self::Other,
        Self::Script,
    ];

    /// Its name in URLs.
    pub fn id(self) -> &'static str {
        match self {
            Self::VsCode => "vs-code",
            Self::ClaudeCode => "claude-code",
            Self::ClaudeDesktop => "claude-desktop",
            Self::Cursor => "cursor",
            Self::Windsurf => "windsurf",
            Self::Roo => "roo",
            Self::Codex => "codex",
            Self::GeminiCli => "gemini-cli",
            Self::Other => "other",
            Self::Script => "script",
        }
    }

    /// The client of that name.
    pub fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|client| client.id() == id)
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::VsCode => "VS Code",
            Self::ClaudeCode => "Claude Code",
            Self::ClaudeDesktop => "Claude Desktop",
            Self::Cursor => "Cursor",
            Self::Windsurf => "Windsurf",
            Self::Roo => "Roo Code",
            Self::Codex => "Codex",
            Self::GeminiCli => "Gemini CLI",
            Self::Other => "Another client",
            Self::Script => "A script",
        }
    }

    /// The ways that it knows, the one that we would take first.
    pub fn ways(self) -> &'static [Way] {
        match self {
            Self::Script => &[Way::ApiKey],
            // It does not sign in by itself yet; a bridge does it (github.com/RooCodeInc/Roo-Code, issue 8119).
            Self::Roo => &[Way::ApiKey, Way::Oauth],
            _ => &[Way::Oauth, Way::ApiKey],
        }
    }

    /// How it is told to come to `url`.
    pub fn setup(self, way: Way, url: &str) -> Setup {
        match self {
            Self::VsCode => vs_code(way, url),
            Self::ClaudeCode => claude_code(way, url),
            Self::ClaudeDesktop => claude_desktop(way, url),
            Self::Cursor => cursor(way, url),
            Self::Windsurf => windsurf(way, url),
            Self::Roo => roo(way, url),
            Self::Codex => codex(way, url),
            Self::GeminiCli => gemini_cli(way, url),
            Self::Other => other(way, url),
            Self::Script => script(url),
        }
    }
}

impl Way {
    /// Its name in URLs.
    pub fn id(self) -> &'static str {
        match self {
            Self::Oauth => "oauth",
            Self::ApiKey => "key",
        }
    }

    /// The way of that name.
    pub fn of(id: &str) -> Option<Self> {
        [Self::Oauth, Self::ApiKey].into_iter().find(|way| way.id() == id)
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Oauth => "Sign in (OAuth)",
            Self::ApiKey => "API key",
        }
    }
}

impl Block {
    fn new(id: &'static str, place: &'static str, format: Format, code: String) -> Self {
        Self { id, place, format, code }
    }

    /// The text with a real key in it, where there is a place for one.
    pub fn with_key(&self, key: &str) -> Self {
        Self { code: self.code.replace(PLACEHOLDER, key), ..self.clone() }
    }
}

/// `{ "mcpServers": { "portcullis": {…} } }`: what most clients read.
fn common(members: &str) -> String {
    format!("{{\n  \"mcpServers\": {{\n    \"{NAME}\": {members}\n  }}\n}}")
}

/// The members of a server, one a line where there is a header.
fn members(before: &str, address: &str, url: &str, authorization: Option<&str>) -> String {
    let url = Value::from(url);
    let Some(authorization) = authorization else { return format!("{{ {before}\"{address}\": {url} }}") };
    let before = if before.is_empty() { String::new() } else { format!("      {}\n", before.trim_end()) };
    let authorization = Value::from(authorization);
    format!(
        "{{\n{before}      \"{address}\": {url},\n      \"headers\": {{ \"Authorization\": {authorization} }}\n    }}"
    )
}

/// The value of `Authorization`, with the key read from the environment in this client's notation.
fn from_environment(way: Way, notation: &str) -> Option<String> {
    (way == Way::ApiKey).then(|| format!("Bearer {notation}"))
}

/// Keeps the key in the environment of whatever shell starts the client.
fn export() -> Block {
    Block::new("environment", "Where the client is started", Format::Shell, format!("export {VARIABLE}={PLACEHOLDER}"))
}

fn with_environment(way: Way, mut blocks: Vec<Block>) -> Vec<Block> {
    if way == Way::ApiKey {
        blocks.push(export());
    }
    blocks
}

/// code.visualstudio.com/docs/copilot/reference/mcp-configuration, and the URL handler of its MCP developer guide.
fn vs_code(way: Way, url: &str) -> Setup {
    let input = json!({ "type": "promptString", "id": "portcullis-key", "description": "Portcullis API key", "password": true });
    let authorization = from_environment(way, "${input:portcullis-key}");
    let mut object = json!({ "name": NAME, "type": "http", "url": url });
    if let Some(authorization) = &authorization {
        object["headers"] = json!({ "Authorization": authorization });
        object["inputs"] = json!([input]);
    }
    let server = members("\"type\": \"http\", ", "url", url, authorization.as_deref());
    let inputs = authorization.as_ref().map(|_| {
        "  \"inputs\": [\n    { \"type\": \"promptString\", \"id\": \"portcullis-key\", \"description\": \"Portcullis API key\", \"password\": true }\n  ],\n"
    });
    let file = format!("{{\n{}  \"servers\": {{\n    \"{NAME}\": {server}\n  }}\n}}", inputs.unwrap_or_default());
    let next = match way {
        Way::Oauth => {
            "VS Code asks whether you trust the server and whether it may authenticate, and opens the browser. Its tools are in the chat's agent mode."
        }
        Way::ApiKey => "VS Code asks for the key when it starts the server, and keeps it in its secret storage.",
    };
    Setup {
        install: Some(Install {
            label: "Install in VS Code",
            href: format!("vscode:mcp/install?{}", encoded(&object)),
        }),
        blocks: vec![Block::new("file", ".vscode/mcp.json, or MCP: Open User Configuration", Format::Json, file)],
        next,
    }
}

/// code.claude.com/docs/en/mcp: HTTP servers, `--header`, and variables in `.mcp.json`.
fn claude_code(way: Way, url: &str) -> Setup {
    let header = match way {
        Way::Oauth => String::new(),
        Way::ApiKey => format!(" --header \"Authorization: Bearer {PLACEHOLDER}\""),
    };
    let command = format!("claude mcp add --transport http {NAME} {url}{header}");
    let authorization = from_environment(way, &format!("${{{VARIABLE}}}"));
    let file = common(&members("\"type\": \"http\", ", "url", url, authorization.as_deref()));
    let blocks = vec![
        Block::new("command", "In a terminal", Format::Shell, command),
        Block::new("file", "Or for a whole project: .mcp.json", Format::Json, file),
    ];
    let next = match way {
        Way::Oauth => "Type /mcp in Claude Code, choose portcullis, then Authenticate: the browser opens.",
        Way::ApiKey => "Type /mcp in Claude Code: portcullis is connected.",
    };
    Setup { install: None, blocks: with_environment(way, blocks), next }
}

/// support.claude.com: custom connectors; for a server that only this computer reaches, and for keys, the bridge.
fn claude_desktop(way: Way, url: &str) -> Setup {
    let bridge = Block::new(
        "file",
        "claude_desktop_config.json (Settings → Developer → Edit Config)",
        Format::Json,
        bridge(way, url),
    );
    match way {
        Way::Oauth => Setup {
            install: None,
            blocks: vec![
                Block::new(
                    "address",
                    "A server with a public https address: Settings → Connectors → Add custom connector",
                    Format::Text,
                    url.to_owned(),
                ),
                Block {
                    place: "A server on your own computer: claude_desktop_config.json (Settings → Developer → Edit Config)",
                    ..bridge
                },
            ],
            next: "Connect opens the browser. With the file: quit and start Claude Desktop; the browser opens while it starts.",
        },
        Way::ApiKey => Setup {
            install: None,
            blocks: vec![bridge],
            next: "Quit and start Claude Desktop. Its connectors take no key; this bridge does.",
        },
    }
}

/// cursor.com/docs/mcp, and its page on install links: `config` is the entry as JSON in base64.
fn cursor(way: Way, url: &str) -> Setup {
    let authorization = from_environment(way, &format!("${{env:{VARIABLE}}}"));
    let mut entry = json!({ "url": url });
    if let Some(authorization) = &authorization {
        entry["headers"] = json!({ "Authorization": authorization });
    }
    let config = encoded(&STANDARD.encode(entry.to_string()));
    let file = common(&members("", "url", url, authorization.as_deref()));
    let next = match way {
        Way::Oauth => "In Settings → MCP, choose Connect beside the server: the browser opens.",
        Way::ApiKey => "Start Cursor from where the variable is set. In Settings → MCP the server turns green.",
    };
    Setup {
        install: Some(Install {
            label: "Install in Cursor",
            href: format!("cursor://anysphere.cursor-deeplink/mcp/install?name={NAME}&config={config}"),
        }),
        blocks: with_environment(way, vec![Block::new("file", "~/.cursor/mcp.json", Format::Json, file)]),
        next,
    }
}

/// docs.windsurf.com/windsurf/cascade/mcp: `serverUrl`, and `${env:…}` in it and in headers.
fn windsurf(way: Way, url: &str) -> Setup {
    let authorization = from_environment(way, &format!("${{env:{VARIABLE}}}"));
    let file = common(&members("", "serverUrl", url, authorization.as_deref()));
    let next = match way {
        Way::Oauth => "Press Refresh in Cascade's MCP panel: the browser opens.",
        Way::ApiKey => "Start Windsurf from where the variable is set, and press Refresh in Cascade's MCP panel.",
    };
    let blocks = vec![Block::new("file", "~/.codeium/windsurf/mcp_config.json", Format::Json, file)];
    Setup { install: None, blocks: with_environment(way, blocks), next }
}

/// docs.roocode.com/features/mcp/using-mcp-in-roo: `streamable-http`, and `${env:…}` anywhere.
fn roo(way: Way, url: &str) -> Setup {
    let authorization = from_environment(way, &format!("${{env:{VARIABLE}}}"));
    let (file, next) = match way {
        Way::ApiKey => (
            common(&members("\"type\": \"streamable-http\", ", "url", url, authorization.as_deref())),
            "Start VS Code from where the variable is set. Roo shows the server with its tools.",
        ),
        Way::Oauth => {
            (bridge(way, url), "Roo does not sign in by itself: this bridge opens the browser when Roo starts it.")
        }
    };
    let blocks = vec![Block::new("file", ".roo/mcp.json, or Edit Global MCP", Format::Json, file)];
    Setup { install: None, blocks: with_environment(way, blocks), next }
}

/// developers.openai.com/codex/mcp: streamable HTTP servers in `config.toml`, `codex mcp add --url`, `codex mcp login`.
fn codex(way: Way, url: &str) -> Setup {
    let (flag, line) = match way {
        Way::Oauth => (String::new(), String::new()),
        Way::ApiKey => {
            (format!(" --bearer-token-env-var {VARIABLE}"), format!("\nbearer_token_env_var = \"{VARIABLE}\""))
        }
    };
    let mut commands = format!("codex mcp add {NAME} --url {url}{flag}");
    if way == Way::Oauth {
        commands.push_str(&format!("\ncodex mcp login {NAME}"));
    }
    let file = format!("[mcp_servers.{NAME}]\nurl = {}{line}", Value::from(url));
    let blocks = vec![
        Block::new("command", "In a terminal", Format::Shell, commands),
        Block::new("file", "Or: ~/.codex/config.toml", Format::Toml, file),
    ];
    let next = match way {
        Way::Oauth => "The login opens the browser. Type /mcp in Codex to see the tools.",
        Way::ApiKey => "Start Codex from where the variable is set, and type /mcp.",
    };
    Setup { install: None, blocks: with_environment(way, blocks), next }
}

/// geminicli.com/docs/tools/mcp-server: `httpUrl` is streamable HTTP, and `$VARIABLE` is read from the environment.
fn gemini_cli(way: Way, url: &str) -> Setup {
    let authorization = from_environment(way, &format!("${VARIABLE}"));
    let file = common(&members("", "httpUrl", url, authorization.as_deref()));
    let blocks = vec![Block::new("file", "~/.gemini/settings.json", Format::Json, file)];
    let next = match way {
        Way::Oauth => "Start Gemini CLI and type /mcp auth portcullis: the browser opens.",
        Way::ApiKey => "Start Gemini CLI from where the variable is set, and type /mcp.",
    };
    Setup { install: None, blocks: with_environment(way, blocks), next }
}

fn other(way: Way, url: &str) -> Setup {
    let authorization = from_environment(way, PLACEHOLDER);
    let file = common(&members("\"type\": \"http\", ", "url", url, authorization.as_deref()));
    Setup {
        install: None,
        blocks: vec![
            Block::new("file", "A client that speaks streamable HTTP", Format::Json, file),
            Block::new("bridge", "A client that only starts local programs", Format::Json, bridge(way, url)),
        ],
        next: match way {
            Way::Oauth => "The client opens the browser, where you sign in and decide what it may do.",
            Way::ApiKey => "The client sends the key with each request; x-api-key works as well as Authorization.",
        },
    }
}

/// One request that lists the tools; nobody needs a handshake here.
fn script(url: &str) -> Setup {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let code = format!(
        "curl {url} \\\n  --header \"Authorization: Bearer ${VARIABLE}\" \\\n  --header \"Accept: application/json, text/event-stream\" \\\n  --json '{body}'"
    );
    Setup {
        install: None,
        blocks: vec![Block::new("command", "In the script", Format::Shell, code), export()],
        next: "Keep the key in the secrets of your CI system, under this name.",
    }
}

/// mcp-remote's README. The header is one word, as some clients split arguments at spaces.
fn bridge(way: Way, url: &str) -> String {
    let url = Value::from(url);
    match way {
        Way::Oauth => common(&format!("{{ \"command\": \"npx\", \"args\": [\"-y\", \"mcp-remote\", {url}] }}")),
        Way::ApiKey => common(&format!(
            "{{\n      \"command\": \"npx\",\n      \"args\": [\"-y\", \"mcp-remote\", {url}, \"--header\", \"Authorization:${{AUTH_HEADER}}\"],\n      \"env\": {{ \"AUTH_HEADER\": \"Bearer {PLACEHOLDER}\" }}\n    }}"
        )),
    }
}

/// As one word of a query (RFC 3986 §2.1): a space becomes `%20`, which `encodeURIComponent` would write too.
fn encoded(text: &impl ToString) -> String {
    form_urlencoded::byte_serialize(text.to_string().as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    const URL: &str = "https://gate.example.com/mcp";

    fn every_setup() -> Vec<(McpClient, Way, Setup)> {
        let ways = |client: McpClient| client.ways().iter().map(move |way| (client, *way, client.setup(*way, URL)));
        McpClient::ALL.into_iter().flat_map(ways).collect()
    }

    fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
        value.pointer(name).unwrap_or_else(|| panic!("{name} is not in {value}"))
    }

    #[test]
    fn who_signs_in_is_given_no_secret_and_no_place_for_one() {
        for (client, way, setup) in every_setup() {
            let all = setup.blocks.iter().map(|block| block.code.as_str()).collect::<String>();
            let speaks_of_keys = all.contains("Bearer") || all.contains(VARIABLE) || all.contains("input:");
            assert_eq!(speaks_of_keys, way == Way::ApiKey, "{client:?} {way:?}: {all}");
        }
    }

    #[test]
    fn an_install_link_carries_what_the_file_says() {
        for way in [Way::Oauth, Way::ApiKey] {
            let setup = McpClient::VsCode.setup(way, URL);
            let href = setup.install.unwrap().href;
            let query = href.strip_prefix("vscode:mcp/install?").unwrap();
            assert!(!query.contains(['+', '"', ' ', '&']), "{query}");
            let (decoded, _) = form_urlencoded::parse(query.as_bytes()).next().unwrap();
            let link: Value = serde_json::from_str(&decoded).unwrap();
            let file: Value = serde_json::from_str(&setup.blocks[0].code).unwrap();
            assert_eq!(link["name"], NAME);
            for name in ["type", "url", "headers"] {
                assert_eq!(link.get(name), member(&file, "/servers/portcullis").get(name), "{name}");
            }
            assert_eq!(link.get("inputs"), file.get("inputs"));

            let setup = McpClient::Cursor.setup(way, URL);
            let link = Url::parse(&setup.install.unwrap().href).unwrap();
            let pairs: Vec<(String, String)> = link.query_pairs().into_owned().collect();
            assert_eq!(pairs[0], ("name".to_owned(), NAME.to_owned()));
            let entry: Value = serde_json::from_slice(&STANDARD.decode(&pairs[1].1).unwrap()).unwrap();
            let file: Value = serde_json::from_str(&setup.blocks[0].code).unwrap();
            assert_eq!(&entry, member(&file, "/mcpServers/portcullis"));
        }
    }

    #[test]
    fn a_fresh_key_takes_the_place_of_its_name() {
        let setup = McpClient::ClaudeCode.setup(Way::ApiKey, URL);
        let block = setup.blocks[0].with_key("pcl_abc");
        assert!(block.code.contains("Bearer pcl_abc") && !block.code.contains(PLACEHOLDER));
    }

    #[test]
    fn a_client_and_a_way_are_found_by_the_names_that_urls_have() {
        for client in McpClient::ALL {
            assert_eq!(McpClient::of(client.id()), Some(client));
            for way in client.ways() {
                assert_eq!(Way::of(way.id()), Some(*way));
            }
        }
        assert_eq!((McpClient::of("nobody"), Way::of("")), (None, None));
    }
}
