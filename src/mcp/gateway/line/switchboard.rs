//! Who hears what comes over a line: answers go to whoever asked, progress to whose it is, and the rest to whoever listens.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::web::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::mcp::error::Failure;
use crate::mcp::message::{Id, Request};

/// As many messages wait for one listener; the server waits with those that it has beyond.
const WAITING: usize = 16;
/// As many messages are kept, and so many bytes of them, while nobody listens.
const KEPT: (usize, usize) = (WAITING, 1 << 20);
/// As many requests are under way on one line.
const UNDER_WAY: usize = 64;

/// What somebody hears.
#[derive(Debug)]
pub(in crate::mcp::gateway) enum Said {
    /// A message of the server's that is no answer.
    Message(Bytes),
    /// The answer, after which nothing comes.
    Answer(Bytes),
    /// There will be no answer.
    Broken(Failure),
    /// The client wants none any more.
    CalledOff,
}

/// Where somebody hears it.
pub(in crate::mcp::gateway) type Ear = mpsc::Receiver<Said>;

/// Who hears what.
pub(super) struct Switchboard(Mutex<State>);

struct State {
    /// Who waits for an answer, the newest last.
    asked: Vec<Asked>,
    /// Who hears everything else.
    listener: Option<mpsc::Sender<Said>>,
    /// What nobody has heard yet.
    kept: VecDeque<Bytes>,
    /// Why nothing comes any more.
    over: Option<Failure>,
    used_at: Instant,
}

struct Asked {
    id: String,
    progress: Option<Value>,
    to: mpsc::Sender<Said>,
}

/// What a message is about.
#[derive(Debug, PartialEq)]
pub(super) enum About {
    /// It answers the request of that id.
    Answer(String),
    /// It tells how far the work of that token is.
    Progress(Value),
    /// The server asks for that, under that id.
    Request(Id, String),
    /// Anything else.
    Other,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    id: Option<Id>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    progress_token: Value,
}

/// An id as it is compared: `1` is not `"1"`.
pub(super) fn key(id: &Id) -> String {
    serde_json::to_string(id).unwrap_or_default()
}

/// What that message is about; nothing for what is no message.
pub(super) fn about(message: &[u8]) -> Option<About> {
    let envelope: Envelope<'_> = serde_json::from_slice(message).ok()?;
    Some(match (envelope.method, envelope.id) {
        (None, Some(id)) if envelope.result.is_some() || envelope.error.is_some() => About::Answer(key(&id)),
        (None, _) => return None,
        (Some(method), Some(id)) => About::Request(id, method.into_owned()),
        (Some(method), None) if method == "notifications/progress" => {
            let params = envelope.params.and_then(|params| serde_json::from_str::<Progress>(params.get()).ok());
            params.map_or(About::Other, |params| About::Progress(params.progress_token))
        }
        (Some(_), None) => About::Other,
    })
}

impl Default for Switchboard {
    fn default() -> Self {
        Self(Mutex::new(State {
            asked: Vec::new(),
            listener: None,
            kept: VecDeque::new(),
            over: None,
            used_at: Instant::now(),
        }))
    }
}

impl Switchboard {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the answer to that request will be heard, and what belongs to it.
    pub(super) fn ask(&self, request: &Request) -> Result<Ear, Failure> {
        let progress = request.params.get("_meta").and_then(|meta| meta.get("progressToken")).cloned();
        let id = key(&request.id);
        let mut state = self.state();
        if let Some(over) = &state.over {
            return Err(over.clone());
        }
        if state.asked.iter().any(|asked| asked.id == id) {
            return Err(Failure::invalid_request("A request with this id is under way in this session"));
        }
        if state.asked.len() >= UNDER_WAY {
            return Err(Failure::too_many_at_once(UNDER_WAY));
        }
        let (to, ear) = mpsc::channel(WAITING);
        state.asked.push(Asked { id, progress, to });
        state.used_at = Instant::now();
        Ok(ear)
    }

    /// Nobody waits for that answer any more. True where somebody did.
    pub(super) fn forget(&self, id: &str) -> bool {
        self.take(id).is_some()
    }

    /// The client has called off that request of its own.
    pub(super) fn call_off(&self, id: &str) {
        if let Some(to) = self.take(id) {
            // Whoever reads so slowly sees the end of the stream all the same.
            let _heard = to.try_send(Said::CalledOff);
        }
    }

    fn take(&self, id: &str) -> Option<mpsc::Sender<Said>> {
        let mut state = self.state();
        let at = state.asked.iter().position(|asked| asked.id == id)?;
        state.used_at = Instant::now();
        Some(state.asked.remove(at).to)
    }

    /// Where everything else is heard, beginning with what was kept. Who listened before hears nothing more.
    pub(super) fn listen(&self) -> Option<Ear> {
        let mut state = self.state();
        if state.over.is_some() {
            return None;
        }
        let (to, ear) = mpsc::channel(WAITING);
        for message in std::mem::take(&mut state.kept) {
            // There is room for all that is ever kept.
            let _heard = to.try_send(Said::Message(message));
        }
        state.listener = Some(to);
        state.used_at = Instant::now();
        Some(ear)
    }

    /// For whom a message is. It is kept where nobody listens; nothing comes of an answer for which nobody waits.
    pub(super) fn route(&self, about: &About, message: Bytes) -> Option<(mpsc::Sender<Said>, Said)> {
        if let About::Answer(id) = about {
            return self.take(id).map(|to| (to, Said::Answer(message)));
        }
        let mut state = self.state();
        let of_progress = |asked: &&Asked| match about {
            About::Progress(token) => asked.progress.as_ref() == Some(token),
            About::Answer(_) | About::Request(..) | About::Other => false,
        };
        let whose = state.asked.iter().find(of_progress).map(|asked| asked.to.clone());
        let listener = || state.listener.clone().filter(|listener| !listener.is_closed());
        let newest = || state.asked.last().map(|asked| asked.to.clone());
        if let Some(to) = whose.or_else(listener).or_else(newest) {
            return Some((to, Said::Message(message)));
        }
        state.keep(message);
        None
    }

    /// Whoever hears there reads too slowly, and hears nothing more.
    pub(super) fn drop_slow(&self, to: &mpsc::Sender<Said>) {
        let mut state = self.state();
        state.asked.retain(|asked| !asked.to.same_channel(to));
        state.listener.take_if(|listener| listener.same_channel(to));
    }

    /// True when nobody waits or listens, nor has for so long.
    pub(super) fn is_idle_for(&self, patience: Duration) -> bool {
        let state = self.state();
        !state.is_busy() && state.used_at.elapsed() >= patience
    }

    /// True while somebody waits for an answer.
    pub(super) fn is_asked(&self) -> bool {
        !self.state().asked.is_empty()
    }

    /// Since when nobody has used it; nothing while somebody does.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (!state.is_busy()).then_some(state.used_at)
    }

    /// Nothing comes any more: whoever waits is told why, and so is whoever asks later.
    pub(super) fn close(&self, why: &Failure) {
        let mut state = self.state();
        state.over.get_or_insert_with(|| why.clone());
        state.listener = None;
        for asked in std::mem::take(&mut state.asked) {
            let _heard = asked.to.try_send(Said::Broken(why.clone()));
        }
    }
}

impl State {
    fn is_busy(&self) -> bool {
        !self.asked.is_empty() || self.listener.as_ref().is_some_and(|listener| !listener.is_closed())
    }

    /// Keeps it, and lets go of the oldest where it becomes too much.
    fn keep(&mut self, message: Bytes) {
        self.kept.push_back(message);
        let (most, bytes) = KEPT;
        while self.kept.len() > most || self.kept.iter().map(Bytes::len).sum::<usize>() > bytes {
            self.kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mcp::message::{Message, parse};

    fn request(id: &Value, token: Option<u64>) -> Request {
        let params = token.map_or(json!({}), |token| json!({ "_meta": { "progressToken": token } }));
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string();
        match parse(body.as_bytes()).unwrap() {
            Message::Request(request) => request,
            other => panic!("{other:?}"),
        }
    }

    /// Routes a message; false when nobody hears it.
    fn say(board: &Switchboard, message: &Value) -> bool {
        let message = Bytes::from(message.to_string());
        let about = about(&message).unwrap();
        board.route(&about, message).is_some_and(|(to, said)| to.try_send(said).is_ok())
    }

    fn heard(ear: &mut Ear) -> Option<Value> {
        match ear.try_recv().ok()? {
            Said::Message(message) | Said::Answer(message) => serde_json::from_slice(&message).ok(),
            Said::Broken(failure) => Some(failure.message.into()),
            Said::CalledOff => Some("called off".into()),
        }
    }

    #[test]
    fn an_answer_goes_to_whoever_asked_under_that_id_and_to_nobody_else() {
        let board = Switchboard::default();
        let mut one = board.ask(&request(&json!(1), None)).unwrap();
        let mut text = board.ask(&request(&json!("1"), None)).unwrap();
        assert!(board.ask(&request(&json!(1), None)).is_err(), "one id, one request");
        let answer = json!({ "jsonrpc": "2.0", "id": "1", "result": {} });
        assert!(say(&board, &answer));
        assert_eq!((heard(&mut one), heard(&mut text)), (None, Some(answer.clone())));
        assert!(!say(&board, &answer), "nobody waits any more");
        assert!(!say(&board, &json!({ "jsonrpc": "2.0", "id": 9, "error": {} })));
        assert_eq!(board.listen().map(|mut ear| heard(&mut ear)), Some(None), "answers are never kept");
    }

    #[test]
    fn progress_is_heard_where_it_belongs_and_the_rest_where_somebody_listens() {
        let board = Switchboard::default();
        let progress = json!({ "method": "notifications/progress", "params": { "progressToken": 7, "progress": 1 } });
        let log = json!({ "method": "notifications/message", "params": {} });
        assert!(!say(&board, &log), "it is kept");
        let mut old = board.ask(&request(&json!(1), Some(7))).unwrap();
        let mut new = board.ask(&request(&json!(2), Some(8))).unwrap();
        assert!(say(&board, &progress) && say(&board, &log));
        assert_eq!(
            (heard(&mut old), heard(&mut new)),
            (Some(progress), Some(log.clone())),
            "the newest hears the rest"
        );
        let mut listener = board.listen().unwrap();
        assert_eq!(heard(&mut listener), Some(log.clone()), "what was kept");
        assert!(say(&board, &log));
        assert_eq!((heard(&mut listener), heard(&mut new)), (Some(log.clone()), None));
        drop(listener);
        assert!(say(&board, &log));
        assert_eq!(heard(&mut new), Some(log), "a listener who left hears nothing");
    }

    #[test]
    fn only_so_much_is_kept() {
        let board = Switchboard::default();
        for number in 0..100 {
            say(&board, &json!({ "method": "a", "params": { "number": number } }));
        }
        say(&board, &json!({ "method": "a", "params": { "large": "x".repeat(KEPT.1 - 100) } }));
        let mut ear = board.listen().unwrap();
        assert_eq!(std::iter::from_fn(|| heard(&mut ear)).count(), 2, "the oldest go");
    }

    #[test]
    fn whoever_waits_at_the_end_is_told_why_and_so_is_whoever_comes_later() {
        let board = Switchboard::default();
        let mut asked = board.ask(&request(&json!(1), None)).unwrap();
        let mut listener = board.listen().unwrap();
        assert!(board.idle_since().is_none());
        board.close(&Failure::upstream("gone"));
        assert!(heard(&mut asked).unwrap().as_str().unwrap().contains("gone"));
        assert!(matches!(listener.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
        assert!(board.listen().is_none() && board.ask(&request(&json!(2), None)).is_err());
        assert!(board.is_idle_for(Duration::ZERO));
    }

    #[test]
    fn what_is_no_message_is_about_nothing() {
        for text in ["", "hello", "[]", "7", "{}", r#"{"id":1}"#, r#"{"result":{}}"#, r#"{"id":null,"result":{}}"#] {
            assert_eq!(about(text.as_bytes()), None, "{text}");
        }
        let asked = about(br#"{"id":"a","method":"ping"}"#);
        assert_eq!(asked, Some(About::Request(Id::Text("a".to_owned()), "ping".to_owned())));
    }
}
