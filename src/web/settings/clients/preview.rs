//! What people will be shown of a client before they allow it.

use crate::app::App;
use crate::grants::client::Listed;
use crate::grants::client_name::imitates;
use crate::http::page::{Foreign, Site};
use crate::places::Tree;
use crate::types::{RedirectUri, Scope, known_scopes as known};
use crate::web::consent::{Destination, within};
use crate::web::words::{self, Identity, ScopeWords};

/// The card of the consent page, without its buttons.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Its name.
    pub client: Foreign,
    /// How people know who that is.
    pub identity: Identity,
    /// The well-known client whose name this one resembles.
    pub imitates: Option<&'static str>,
    /// Its picture.
    pub logo: Option<String>,
    /// Where answers go.
    pub destinations: Vec<Destination>,
    /// What it may ask for.
    pub scopes: Vec<ScopeWords>,
    /// The places that it is narrowed to.
    pub within: Option<Foreign>,
}

impl Preview {
    /// Of a client that is there.
    pub fn of(app: &App, site: &Site, tree: &Tree, known: &Listed, logo: Option<&[u8]>) -> Self {
        let client = &known.client;
        let identity = Identity::of(known, &app.config.registration.trusted_hosts, tree);
        let within = known.ownership.as_ref().and_then(|own| within(&own.narrowed_to(), tree));
        let logo = logo.map(|digest| site.logo(digest));
        Self { logo, within, ..Self::new(&client.name, identity, &client.redirect_uris, &client.scope) }
    }

    /// Of one that may come to be.
    pub fn new(name: &str, identity: Identity, redirect_uris: &[RedirectUri], scope: &Scope) -> Self {
        let mut destinations: Vec<Destination> = Vec::new();
        for uri in redirect_uris {
            let destination = Destination::of(uri.as_str());
            if !destinations.contains(&destination) {
                destinations.push(destination);
            }
        }
        Self {
            client: Foreign::new(name),
            identity,
            imitates: imitates(name, None),
            logo: None,
            destinations,
            scopes: known::ALL.into_iter().filter(|token| scope.has(token)).map(words::scope).collect(),
            within: None,
        }
    }

    /// One for samples.
    pub fn sample() -> Self {
        let uris = ["https://notes.example/callback", "http://127.0.0.1:7777/callback"];
        let uris: Vec<RedirectUri> = uris.iter().filter_map(|uri| uri.parse().ok()).collect();
        let identity = Identity::Colleague(Foreign::new("alice (Acme)"));
        let within = Some(Foreign::new("Acme / Apps"));
        Self { within, ..Self::new("Team notes", identity, &uris, &Scope::of(&[known::OPENID, known::MCP_READ])) }
    }

    /// One as an attacker would choose it.
    pub fn hostile_sample() -> Self {
        let hostile = Foreign::hostile_sample();
        Self {
            client: hostile.clone(),
            identity: Identity::Colleague(hostile.clone()),
            imitates: Some("Claude"),
            logo: Some(Site::sample().logo(&[7; 32])),
            destinations: vec![Destination::App(hostile.clone())],
            within: Some(hostile),
            ..Self::sample()
        }
    }
}
