//! ERRAND: the picture of a client, fetched once from where somebody says it is.

use crate::app::App;
use crate::net::{NetError, Purpose, Request};
use crate::types::{Logo, LogoError};

/// The picture at `url`; the error is in words for whoever named it.
///
/// Whoever registers a client is a stranger to the hosts that we can reach: only public addresses, no redirects, so many bytes
/// and no more. What the answer says of its own type is not believed.
pub async fn fetch(app: &App, url: &str) -> Result<Logo, String> {
    if url.chars().any(char::is_control) {
        return Err(NetError::BadUrl.to_string());
    }
    let request = Request::get(url).with("accept", "image/png, image/jpeg, image/webp");
    let answer = app.net.exchange(Purpose::ClientLogo, &request, Logo::LARGEST).await;
    let answer = answer.map_err(|error| error.to_string())?;
    match (answer.status, answer.is_whole) {
        (200, true) => Logo::read(answer.body).map_err(|error| error.to_string()),
        (200, false) => Err(LogoError::TooLarge.to_string()),
        (status, _) => Err(NetError::Status(status).to_string()),
    }
}
