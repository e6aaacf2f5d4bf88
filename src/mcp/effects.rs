//! What tools bring about beyond their answer.

use serde_json::json;

use crate::access::Principal;
use crate::app::App;
use crate::audit::{self, Entry, Event, Origin};
use crate::db::{self, Connection};
use crate::grants::grant::EndReason;
use crate::grants::revoke;
use crate::mcp::serve::Effect;

/// Does it, before the answer that tells of it goes out.
pub async fn bring_about(app: &App, effect: Effect, by: &Principal, origin: &Origin) -> Result<(), db::Error> {
    let terms = app.terms(origin);
    match effect {
        Effect::EndGrant(grant) => {
            let verb = async |conn: &mut Connection| revoke::end_grant(conn, &terms, grant, EndReason::Client).await;
            app.cut(verb).await.map(drop)
        }
        Effect::LeaveNote(note) => {
            let entry = Entry::new(Event::NoteLeft).subject(by.subject.id()).client(by.credential.client_id());
            let entry = entry.grant(by.credential.grant()).detail(json!({ "note": note }));
            app.db.write(async |conn| audit::record(conn, entry, origin, terms.now).await).await
        }
    }
}
