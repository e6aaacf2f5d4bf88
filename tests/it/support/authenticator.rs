//! What proves who somebody is besides a password: an authenticator app, and a passkey's authenticator.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::ES256;
use portcullis::crypto::TotpSecret;
use portcullis::http::urls;
use scraper::{Html, Selector};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::app::Node;
use super::{Answer, Browser};

/// An authenticator app, into which the secret was typed.
pub struct AuthenticatorApp(TotpSecret);

impl AuthenticatorApp {
    /// Types in what the page shows.
    pub fn read(page: &Answer) -> Self {
        let html = Html::parse_document(&page.body);
        let text: String = html.select(&Selector::parse("#secret").unwrap()).next().unwrap().text().collect();
        Self(serde_json::from_value(json!(text.replace(' ', ""))).unwrap())
    }

    /// What it shows now.
    pub fn code(&self, node: &Node) -> String {
        self.0.code(node.clock().now().timestamp() / 30).unwrap()
    }

    /// What it showed before that.
    pub fn code_before(&self, node: &Node) -> String {
        self.0.code(node.clock().now().timestamp() / 30 - 1).unwrap()
    }

    /// What it keeps to itself.
    pub fn secret(&self) -> String {
        self.0.text().replace(' ', "")
    }
}

/// Sets somebody's two-step sign-in up, and says which recovery codes there are.
pub async fn turn_on(node: &Node, browser: &Browser) -> (AuthenticatorApp, Vec<String>) {
    let page = browser.get(urls::TWO_STEP).await.assert(200);
    let phone = AuthenticatorApp::read(&page);
    node.is_secret(&phone.secret());
    let form = page.form("Turn on").fill("Code that the app shows", &phone.code(node));
    let codes = recovery_codes(&browser.submit(&form).await.assert(200));
    assert_eq!(codes.len(), 10);
    codes.iter().for_each(|code| node.is_secret(code));
    (phone, codes)
}

/// The recovery codes on a page.
pub fn recovery_codes(page: &Answer) -> Vec<String> {
    let is_code = |word: &&str| word.len() == 14 && word.matches('-').count() == 2;
    page.words().split(' ').filter(is_code).map(str::to_owned).collect()
}

/// An authenticator in software with one passkey, as a browser shows it to a page (Web Authentication level 3).
#[derive(Clone)]
pub struct Authenticator {
    key: Jwk,
    id: [u8; 16],
    user: String,
    origin: String,
    verifies: bool,
    count: u32,
}

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

impl Authenticator {
    /// Makes a passkey for what the page asks, and says so.
    pub fn make(node: &Node, page: &Answer) -> (Self, String) {
        let options = options(page);
        let made = Self {
            key: Jwk::generate_ec_key(EcCurve::P256).unwrap(),
            id: uuid::Uuid::now_v7().into_bytes(),
            user: options["user"]["id"].as_str().unwrap().to_owned(),
            origin: node.issuer().to_owned(),
            verifies: true,
            count: 0,
        };
        let said = made.made(&options);
        (made, said)
    }

    /// The same key, used on another site's page.
    pub fn at(&self, origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..self.clone() }
    }

    /// The same key, in an authenticator that does not ask who is there.
    pub fn unverified(&self) -> Self {
        Self { verifies: false, ..self.clone() }
    }

    /// The same key, in an authenticator that says it was used so often before.
    pub fn used(&self, count: u32) -> Self {
        Self { count, ..self.clone() }
    }

    /// What it says when a passkey is made.
    pub fn made(&self, options: &Value) -> String {
        let mut data = self.data(options["rp"]["id"].as_str().unwrap(), ATTESTED);
        data.extend([0; 16]);
        data.extend([0, 16]);
        data.extend(self.id);
        // COSE (RFC 9053 §7.1.1): EC2, ES256, P-256, x, y.
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(self.coordinate("x"));
        data.extend([0x22, 0x58, 0x20]);
        data.extend(self.coordinate("y"));
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(data.len().try_into().unwrap());
        object.extend(data);
        let response = json!({
            "clientDataJSON": encode(self.client_data("webauthn.create", options).as_bytes()),
            "attestationObject": encode(&object),
        });
        self.written(&response)
    }

    /// Uses the passkey for what the page asks.
    pub fn answer(&mut self, page: &Answer) -> String {
        self.count += 1;
        let options = options(page);
        let data = self.data(options["rpId"].as_str().unwrap(), 0);
        let client = self.client_data("webauthn.get", &options);
        let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
        let response = json!({
            "clientDataJSON": encode(client.as_bytes()),
            "authenticatorData": encode(&data),
            "signature": encode(&self.sign(&signed)),
            "userHandle": self.user,
        });
        self.written(&response)
    }

    fn data(&self, rp_id: &str, flags: u8) -> Vec<u8> {
        let verified = if self.verifies { VERIFIED } else { 0 };
        [Sha256::digest(rp_id).as_slice(), &[flags | PRESENT | verified], &self.count.to_be_bytes()].concat()
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        let (challenge, origin) = (&options["challenge"], &self.origin);
        json!({ "type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false }).to_string()
    }

    fn written(&self, response: &Value) -> String {
        let id = encode(&self.id);
        let said = json!({ "id": id, "rawId": id, "type": "public-key", "response": response });
        said.to_string()
    }

    fn coordinate(&self, name: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(self.key.parameter(name).unwrap().as_str().unwrap()).unwrap()
    }

    /// ECDSA as authenticators write it (§6.5.5): DER, where a JWS has two numbers of 32 bytes.
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        use josekit::jws::JwsSigner;
        let raw = ES256.signer_from_jwk(&self.key).unwrap().sign(message).unwrap();
        let number = |bytes: &[u8]| {
            let bytes: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
            let pad = usize::from(bytes[0] >= 0x80);
            let length = u8::try_from(bytes.len() + pad).unwrap();
            [&[0x02, length], &[0][..pad], bytes.as_slice()].concat()
        };
        let numbers = [number(&raw[..32]), number(&raw[32..])].concat();
        [&[0x30, u8::try_from(numbers.len()).unwrap()], numbers.as_slice()].concat()
    }
}

/// What the page asks authenticators.
pub fn options(page: &Answer) -> Value {
    let html = Html::parse_document(&page.body);
    let form = html.select(&Selector::parse("form[data-passkey]").unwrap()).next();
    let form = form.unwrap_or_else(|| panic!("no passkey can be used on {}", page.body));
    let options: Value = serde_json::from_str(form.attr("data-options").unwrap()).unwrap();
    options["publicKey"].clone()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
