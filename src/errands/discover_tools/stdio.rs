//! A server that is a program of its own: started for this, and ended after it.

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::line::Trouble;
use super::two_way::{self, TwoWay};
use crate::config::StdioConfig;
use crate::program::Program;

/// Its tools.
pub async fn tools(programs: &StdioConfig, command: &str) -> Result<Vec<Value>, Trouble> {
    let program = Program::start(programs, command).map_err(|error| Trouble::Program(error.to_string()))?;
    let mut talk = Talk { mouth: program.mouth(), program };
    let tools = two_way::tools(&mut talk).await;
    talk.program.end().await;
    tools
}

struct Talk {
    program: Program,
    mouth: Sender<Bytes>,
}

impl TwoWay for Talk {
    async fn send(&mut self, message: &Value) -> Result<(), Trouble> {
        let said = self.mouth.send(message.to_string().into()).await;
        said.map_err(|_| Trouble::Program("the program does not read any more".to_owned()))
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        let line = self.program.next().await.map_err(|error| Trouble::Program(error.to_string()))?;
        Ok(line.map(Into::into))
    }
}
