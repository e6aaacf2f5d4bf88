//! `portcullis mcp`: use an MCP endpoint from the command line, this gateway's own or any other.

use std::future::Future;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::outcome::{Failure, Report};
use super::token_file;
use crate::config::Config;
use crate::errands::mcp_client::{Endpoint, Refusal, would_be_overheard};
use crate::http::urls;

/// Where other systems name the endpoint.
const URL_VARIABLE: &str = "GATEWAY_URL";
/// Where other systems keep the token for it.
const USUAL_TOKEN_FILE: &str = ".oauth-tokens/ingress.json";

/// Which endpoint, and what to do there.
#[derive(Debug, Args)]
pub struct Mcp {
    /// The URL of the endpoint [default: GATEWAY_URL, then /mcp below PORTCULLIS_PUBLIC_URL]
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// A file with the token: bare, or JSON with an access_token [default: .oauth-tokens/ingress.json, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shake hands, and tell what the endpoint says of itself
    Init,
    /// See whether it answers
    Ping,
    /// List the tools that the token may find
    List,
    /// Call a tool
    Call {
        /// Its name, as `portcullis mcp list` tells it
        tool: String,
        /// Its arguments, a JSON object
        #[arg(default_value = "{}")]
        arguments: String,
    },
}

impl Mcp {
    /// Does it.
    pub fn run(self, config: &Config) -> Result<Report, Failure> {
        let url = self.url.or_else(named_elsewhere).unwrap_or_else(|| config.server.public_url.at(urls::MCP));
        let usual = Path::new(USUAL_TOKEN_FILE);
        let file = self.token_file.or_else(|| usual.is_file().then(|| usual.to_owned()));
        let token = file.as_deref().map(token_file::read).transpose()?;
        if token.is_some() && would_be_overheard(&url) {
            return Err(Failure::usage(format!("{url}: a token goes over https alone, or to this very machine")));
        }
        let endpoint = Endpoint::at(&config.outbound, &url, token.as_deref()).map_err(Failure::usage)?;
        let to = To { endpoint, url, file };
        match self.verb {
            Verb::Init => to.init(),
            Verb::Ping => to.ping(),
            Verb::List => to.list(),
            Verb::Call { tool, arguments } => to.call(&tool, &arguments),
        }
    }
}

/// The URL that the surroundings name, as in other systems.
#[expect(clippy::disallowed_methods, reason = "a habit of other systems' scripts, and no setting of ours")]
fn named_elsewhere() -> Option<String> {
    std::env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty())
}

/// An endpoint as it was named.
struct To {
    endpoint: Endpoint,
    url: String,
    file: Option<PathBuf>,
}

impl To {
    fn init(&self) -> Result<Report, Failure> {
        let said = self.wait(self.endpoint.handshake())?;
        let word = |pointer: &str| printable(said.pointer(pointer).and_then(Value::as_str).unwrap_or("unknown"));
        let offers = said["capabilities"].as_object().into_iter().flatten().map(|(name, _)| printable(name));
        let words = format!(
            "{} {} at {}, MCP {}\noffers: {}",
            word("/serverInfo/name"),
            word("/serverInfo/version"),
            self.url,
            word("/protocolVersion"),
            offers.collect::<Vec<_>>().join(", "),
        );
        Ok(Report::new(words, said))
    }

    fn ping(&self) -> Result<Report, Failure> {
        self.wait(self.endpoint.ask("ping", json!({})))?;
        Ok(Report::new(format!("{} answers", self.url), json!({ "url": self.url, "answers": true })))
    }

    fn list(&self) -> Result<Report, Failure> {
        let tools = self.wait(self.endpoint.tools())?;
        let line = |tool: &Value| {
            let words = tool["description"].as_str().or(tool["title"].as_str()).unwrap_or_default();
            let words = words.split(". ").next().unwrap_or_default();
            let line = format!("{}  {words}", tool["name"].as_str().unwrap_or_default());
            printable(&line.split_whitespace().collect::<Vec<_>>().join(" ")).replacen(' ', "  ", 1)
        };
        let lines: Vec<String> = tools.iter().map(line).collect();
        let words = if lines.is_empty() { "no tools".to_owned() } else { lines.join("\n") };
        Ok(Report::new(words, Value::Array(tools)))
    }

    fn call(&self, tool: &str, arguments: &str) -> Result<Report, Failure> {
        let arguments: Value = serde_json::from_str(arguments)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| Failure::usage(format!("the arguments {arguments:?} are no JSON object, such as '{{}}'")))?;
        let result = self.wait(self.endpoint.ask("tools/call", json!({ "name": tool, "arguments": arguments })))?;
        let report = Report::new(words_of(&result), result.clone());
        Ok(if result["isError"] == true { report.of_failure() } else { report })
    }

    fn wait<T>(&self, errand: impl Future<Output = Result<T, Refusal>>) -> Result<T, Failure> {
        let runtime = Runtime::new().map_err(Failure::refused)?;
        runtime.block_on(errand).map_err(|refusal| self.failure(&refusal))
    }

    fn failure(&self, refusal: &Refusal) -> Failure {
        let url = &self.url;
        Failure::refused(match (refusal, &self.file) {
            (Refusal::Unauthorized(_), None) => format!(
                "{url} wants a token: give one by --token-file. You get one by \"Get JWT Token\" on the settings pages, by \
                 `portcullis token-create`, or for a program by client credentials"
            ),
            (Refusal::Unauthorized(why), Some(file)) => format!(
                "{url} does not take the token in {}: {}. Get another one, for this URL",
                file.display(),
                printable(why)
            ),
            (refusal, _) => format!("{url}: {}", printable(&refusal.to_string())),
        })
    }
}

/// What a person reads of the result of a call: its structure, or its texts and what else there is.
fn words_of(result: &Value) -> String {
    if let Some(structured) = result.get("structuredContent") {
        return printable(&serde_json::to_string_pretty(structured).unwrap_or_default());
    }
    let contents = result["content"].as_array().into_iter().flatten();
    let words = contents.map(|content| match content["text"].as_str() {
        Some(text) => printable(text),
        None => format!("({})", printable(content["type"].as_str().unwrap_or("something else"))),
    });
    words.collect::<Vec<_>>().join("\n")
}

/// A stranger's text without what would move the cursor or colour the terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_read_as_its_structure_or_its_texts() {
        let text = json!({ "type": "text", "text": "one\u{1b}[2J" });
        let image = json!({ "type": "image", "data": "AAAA" });
        assert_eq!(words_of(&json!({ "content": [text, image] })), "one[2J\n(image)");
        assert_eq!(words_of(&json!({ "content": [], "structuredContent": { "a": 1 } })), "{\n  \"a\": 1\n}");
        assert_eq!(words_of(&json!({})), "");
    }
}
