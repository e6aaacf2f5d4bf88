//! Passkeys (Web Authentication level 3): the ceremonies by which browsers make and use them, as one relying party.
//!
//! What goes to the browser and comes back is JSON as scripts have it; what has to be remembered in between is a state, which
//! the caller seals. Every ceremony asks the authenticator to verify its user, so that a passkey alone is two factors: the
//! key, and what opens it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::types::PublicUrl;

/// The relying party that we are.
pub struct Passkeys(Webauthn);

/// What is remembered while a passkey is being made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Making(PasskeyRegistration);

/// What is remembered while a passkey is being used.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Using(DiscoverableAuthentication);

/// A ceremony that has begun: what the browser is told, and what is remembered.
#[derive(Clone, Debug)]
pub struct Begun<S> {
    /// JSON for `navigator.credentials`, with a challenge that is never used again.
    pub options: String,
    /// To be sealed, and presented with the answer.
    pub state: S,
}

/// A passkey that was just made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// As authenticators call it.
    pub credential_id: Vec<u8>,
    /// Its public key and what its authenticator said of itself.
    pub credential: Value,
}

/// A passkey that somebody presents: whose it claims to be. Nothing is proved yet.
#[derive(Clone, Debug)]
pub struct Presented(PublicKeyCredential);

impl Passkeys {
    /// The relying party of that URL: its id is the host, which cannot be an IP address (§5.1.3).
    pub fn at(public_url: &PublicUrl) -> Option<Self> {
        let url = public_url.url();
        let host = url.domain()?;
        let webauthn = WebauthnBuilder::new(host, url).ok()?.rp_name("Portcullis").build().ok()?;
        Some(Self(webauthn))
    }

    /// Begins making a passkey that its authenticator can find by itself. Keys in `known` are not made twice.
    pub fn begin_making(&self, user: Uuid, name: &str, shown: &str, known: Vec<Vec<u8>>) -> Option<Begun<Making>> {
        let (challenge, state) = self.0.start_passkey_registration(user, name, shown, Some(known)).ok()?;
        let mut options = serde_json::to_value(challenge).ok()?;
        let selection = options.pointer_mut("/publicKey/authenticatorSelection")?.as_object_mut()?;
        // Nobody types a name before they use one.
        selection.insert("residentKey".to_owned(), "required".into());
        selection.insert("requireResidentKey".to_owned(), true.into());
        Some(Begun { options: options.to_string(), state: Making(state) })
    }

    /// The passkey that was made, if the answer belongs to the ceremony.
    pub fn finish_making(&self, Making(state): &Making, answer: &str) -> Option<Made> {
        let answer: RegisterPublicKeyCredential = read(answer)?;
        let made = self.0.finish_passkey_registration(&answer, state).ok()?;
        Some(Made { credential_id: made.cred_id().clone(), credential: serde_json::to_value(&made).ok()? })
    }

    /// Begins using a passkey: whichever the person chooses.
    pub fn begin_using(&self) -> Option<Begun<Using>> {
        let (challenge, state) = self.0.start_discoverable_authentication().ok()?;
        let options = serde_json::to_string(&challenge).ok()?;
        Some(Begun { options, state: Using(state) })
    }

    /// What the passkey in an answer claims.
    pub fn presented(&self, answer: &str) -> Option<Presented> {
        read(answer).map(Presented)
    }

    /// The stored passkey as it is after this use, if the answer belongs to the ceremony, the key signed it, and its
    /// authenticator verified who is there. A counter that runs backwards is a copy, and refused (§7.2, step 22).
    pub fn finish_using(&self, Using(state): Using, Presented(answer): &Presented, stored: &Value) -> Option<Value> {
        let mut passkey: Passkey = serde_json::from_value(stored.clone()).ok()?;
        let used = self.0.finish_discoverable_authentication_v2(answer, state, DiscoverableKey::from(&passkey)).ok()?;
        passkey.update_credential(&used)?;
        used.user_verified().then(|| serde_json::to_value(&passkey).ok()).flatten()
    }
}

impl Presented {
    /// Whose passkey it is, as its authenticator remembers.
    pub fn user(&self) -> Option<Uuid> {
        Uuid::from_slice(self.0.get_user_unique_id()?).ok()
    }

    /// What authenticators call it.
    pub fn credential_id(&self) -> &[u8] {
        self.0.get_credential_id()
    }
}

fn read<T: DeserializeOwned>(answer: &str) -> Option<T> {
    serde_json::from_str(answer).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Option<Passkeys> {
        Passkeys::at(&url.parse().unwrap())
    }

    #[test]
    fn the_relying_party_is_the_host_of_the_public_url() {
        assert!(at("http://127.0.0.1:8080").is_none(), "an address is no relying party");
        let making = at("https://gate.example/below").unwrap();
        let begun = making.begin_making(Uuid::now_v7(), "ada", "Ada", Vec::new()).unwrap();
        let options: Value = serde_json::from_str(&begun.options).unwrap();
        let said = |pointer: &str| options.pointer(pointer).cloned();
        assert_eq!(said("/publicKey/rp/id"), Some("gate.example".into()));
        assert_eq!(said("/publicKey/authenticatorSelection/residentKey"), Some("required".into()));
        assert_eq!(said("/publicKey/authenticatorSelection/userVerification"), Some("required".into()));
        assert_eq!(said("/publicKey/attestation"), Some("none".into()));
    }

    #[test]
    fn an_answer_that_is_none_proves_nothing() {
        let party = at("http://localhost:8080").unwrap();
        let begun = party.begin_making(Uuid::now_v7(), "ada", "Ada", Vec::new()).unwrap();
        for bad in ["", "{}", "null", r#"{"id":"AA","rawId":"AA","type":"public-key","response":{}}"#] {
            assert_eq!(party.finish_making(&begun.state, bad), None, "{bad}");
            assert!(party.presented(bad).is_none(), "{bad}");
        }
    }
}
