//! `oidcc-config-certification-test-plan`.

use portcullis::http::urls;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn oidcc_discovery_endpoint_verification() {
    let app = TestApp::start().await;
    let document = app.get(urls::OPENID_CONFIGURATION).await.assert(200).json();
    assert_eq!(document["issuer"], app.issuer());
    for name in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "registration_endpoint"] {
        assert!(document[name].as_str().unwrap().starts_with(app.issuer()), "{name}");
    }
    let has = |name: &str, value: &str| document[name].as_array().unwrap().contains(&json!(value));
    assert!(has("scopes_supported", "openid") && has("response_types_supported", "code"));
    assert!(has("subject_types_supported", "public") && has("id_token_signing_alg_values_supported", "RS256"));
    assert!(has("claims_supported", "sub") && has("grant_types_supported", "authorization_code"));
    let keys = app.get(urls::JWKS).await.json();
    assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["kty"] == "RSA" && key["alg"] == "RS256"));
}
