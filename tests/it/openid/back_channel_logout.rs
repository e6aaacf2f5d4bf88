//! `oidcc-backchannel-rp-initiated-logout-certification-test-plan`.

use portcullis::grants::client::ClientOptions;
use portcullis::http::urls;

use super::{claims, sign_in, staged};
use crate::support::TestApp;
use crate::support::client::jwt;
use crate::support::relying_party::{AFTER, BackChannel};

#[tokio::test]
async fn oidcc_backchannel_logout_discovery_endpoint_verification() {
    let app = TestApp::start().await;
    let document = app.get(urls::OPENID_CONFIGURATION).await.json();
    assert_eq!(document["backchannel_logout_supported"], true);
    assert_eq!(document["backchannel_logout_session_supported"], true);
    assert_eq!(document["end_session_endpoint"], app.at(urls::END_SESSION));
}

#[tokio::test]
async fn oidcc_backchannel_rp_initiated_logout() {
    let channel = BackChannel::start().await;
    let options = ClientOptions { backchannel_logout_uri: Some(channel.uri()), ..ClientOptions::default() };
    let (_, ada, client) = staged(options).await;
    let tokens = sign_in(&client, &ada, "openid").await;
    let asked = [("id_token_hint", tokens.id_token.as_deref().unwrap()), ("post_logout_redirect_uri", AFTER)];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(asked).finish();
    assert_eq!(ada.visit(&format!("{}?{query}", urls::END_SESSION)).await.location(), AFTER);
    let logout = jwt(&channel.tokens(1).await[0]).1;
    let id_token = claims(&tokens);
    for name in ["iss", "aud", "sub", "sid"] {
        assert_eq!(logout[name], id_token[name], "§2.4: {name}");
    }
    assert!(logout.get("nonce").is_none());
}
