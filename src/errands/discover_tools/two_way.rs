//! Servers with which one speaks over one connection, both ways: what is said is answered by and by.

use serde_json::Value;

use super::legacy::{has_tools, initialize, initialized, list};
use super::line::{Pages, Trouble, answers, result_of};

/// Such a connection.
pub trait TwoWay {
    /// Says a message.
    async fn send(&mut self, message: &Value) -> Result<(), Trouble>;
    /// What is said next; nothing at its end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Trouble>;
}

/// Its tools.
pub async fn tools(talk: &mut impl TwoWay) -> Result<Vec<Value>, Trouble> {
    let handshake = ask(talk, &initialize()).await?;
    if !has_tools(&handshake) {
        return Ok(Vec::new());
    }
    talk.send(&initialized()).await?;
    let mut pages = Pages::default();
    while let Some(params) = pages.next() {
        let page = ask(talk, &list(&params)).await?;
        pages.take(&page)?;
    }
    Ok(pages.tools)
}

async fn ask(talk: &mut impl TwoWay, message: &Value) -> Result<Value, Trouble> {
    talk.send(message).await?;
    while let Some(said) = talk.next().await? {
        match serde_json::from_slice::<Value>(&said) {
            Ok(answer) if answers(&answer, &message["id"]) => return result_of(&answer),
            // What the server says by the way.
            Ok(_) | Err(_) => {}
        }
    }
    Err(Trouble::Strange("it ended before the answer"))
}
