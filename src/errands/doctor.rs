//! ERRAND: examine a connection as each known client would make it.
//!
//! The doctor says which answer it needs next → `net` asks for it → the doctor looks again, until it needs nothing more.
//! What several clients would ask in the same words is asked once.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::app::App;
use crate::config::OutboundConfig;
use crate::crypto::Random;
use crate::doctor::{self, Case, Diagnosis, Missing, Profile, Records};
use crate::net::{Net, NetError, NetSetupError, Purpose, Request};

/// For everything together. What was not answered by then counts as never answered.
const TOTAL: Duration = Duration::from_secs(40);
/// Requests under way at the same time: a server that is examined should not notice.
const AT_ONCE: usize = 4;
/// The largest answer that is read; no honest document comes near.
const LARGEST: usize = 128 * 1024;

/// What these clients would make of an address that an administrator entered on a page.
pub async fn for_administrator(app: &App, case: &Case, profiles: &[&Profile]) -> Vec<Diagnosis> {
    examine(&app.net, Purpose::AdministratorEndpoint, case, profiles).await
}

/// The same of an address on an operator's own command line, without an installation.
pub async fn for_operator(
    config: &OutboundConfig,
    case: &Case,
    profiles: &[&Profile],
) -> Result<Vec<Diagnosis>, NetSetupError> {
    Ok(examine(&Net::new(config)?, Purpose::OperatorCommand, case, profiles).await)
}

/// What these clients would make of it, in their order.
///
/// `purpose` says where the URL came from, and holds for its host. Whatever other host the server's own documents name, is
/// named by a stranger (`decisions` 47).
async fn examine(net: &Net, purpose: Purpose, case: &Case, profiles: &[&Profile]) -> Vec<Diagnosis> {
    let deadline = Instant::now() + TOTAL;
    let mut records = Records::default();
    loop {
        let (mut done, mut missing) = (Vec::new(), BTreeSet::new());
        for profile in profiles {
            match doctor::examine(case, profile, &records) {
                Ok(diagnosis) => done.push(diagnosis),
                Err(Missing(request)) => drop(missing.insert(request)),
            }
        }
        if missing.is_empty() {
            return done;
        }
        let answers = stream::iter(missing).map(async |request: Request| {
            let exchange = net.exchange(purpose_of(purpose, case, &request), &request, LARGEST);
            let seen = timeout_at(deadline, exchange).await.unwrap_or(Err(NetError::TimedOut));
            (request, seen)
        });
        for (request, seen) in answers.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await {
            records.keep(request, seen);
        }
    }
}

/// A PKCE challenge for a [`Case`]: no verifier belongs to it, so what it wins is of no use to anybody.
pub fn challenge(random: &Random) -> String {
    URL_SAFE_NO_PAD.encode(random.bytes::<32>())
}

fn purpose_of(purpose: Purpose, case: &Case, request: &Request) -> Purpose {
    // Its other ports and schemes are not what was entered.
    let is_same_origin = Url::parse(&request.url).is_ok_and(|url| url.origin() == case.url.origin());
    match purpose {
        Purpose::AdministratorEndpoint if !is_same_origin => Purpose::LinkedEndpoint,
        purpose => purpose,
    }
}
