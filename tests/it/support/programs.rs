//! A server that is a program of its own: a few lines for `sh`, which tell of where they run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis::config::{Config, StdioLimits, StdioProgram};

use super::TestApp;

/// What it says to each message; its tools tell of its process, its surroundings and its limits, or go wrong.
const SCRIPT: &str = r#"
say() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
text() { say "{\"content\":[{\"type\":\"text\",\"text\":\"$1\"}]}"; }
echo 'a banner that is no message'
echo 'words of its own' >&2
while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/p')
  case $line in
    *'"method":"initialize"'*)
      say '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"program","version":"1"}}' ;;
    *'"method":"tools/list"'*) say '{"tools":[{"name":"look"},{"name":"hidden"}]}' ;;
    *'"name":"look"'*) text "$$" ;;
    *'"name":"surroundings"'*) text "$(pwd) $(ls -a | tr '\n' ' ') $(env | sort | tr '\n' ' ') args:$1:$2" ;;
    *'"name":"limits"'*) text "files:$(ulimit -n) core:$(ulimit -c) processor:$(ulimit -t)" ;;
    *'"name":"child"'*) sleep 1000 & text "$!" ;;
    *'"name":"die"'*) exit 3 ;;
    *'"name":"huge"'*) head -c 9000000 /dev/zero | tr '\0' x ;;
    *'"name":"hang"'*) ;;
    *'"method":"ping"'*) say '{}' ;;
  esac
done
"#;

/// Lets that program be started as `sh`, below that directory.
pub fn allow_sh(config: &mut Config, directory: &Path) {
    config.stdio.launcher = Some(PathBuf::from(env!("CARGO_BIN_EXE_portcullis")));
    config.stdio.directory = directory.to_owned();
    let args = ["-c", SCRIPT, "sh", "$(id)", "; id"].map(str::to_owned).to_vec();
    let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    let limits = StdioLimits { open_files: 77, cpu_seconds: 99, ..StdioLimits::default() };
    let sh = StdioProgram { command: "/bin/sh".into(), args, env, limits };
    let lost = StdioProgram { command: "/nowhere/to/be/found".into(), args: Vec::new(), ..sh.clone() };
    config.stdio.programs = BTreeMap::from([("sh".to_owned(), sh), ("lost".to_owned(), lost)]);
}

/// True while there is such a process, and it is not only waiting to be buried.
pub fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Waits until it is gone, and fails after half a minute.
pub async fn gone(pid: &str) {
    let waited = async {
        while is_alive(pid) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited).await.unwrap_or_else(|_| panic!("{pid} is never gone"));
}

impl TestApp {
    /// Registers it under that name, with its tools.
    pub async fn register_program(&self, name: &str) {
        self.sql(&format!(
            "INSERT INTO servers (id, name, url, transport, command, place_id, created_at)
             SELECT gen_random_uuid(), '{name}', '', 'stdio', 'sh', id, now() FROM places WHERE parent_id IS NULL;
             INSERT INTO server_tools (server_id, name, definition, class, seen_at)
             SELECT servers.id, tools.name, '{{}}', 'read', now() FROM servers,
                    (VALUES ('look'), ('child'), ('die'), ('hang'), ('huge'), ('limits'), ('surroundings')) AS tools (name)
             WHERE servers.name = '{name}';"
        ))
        .await;
    }
}
