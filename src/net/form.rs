//! Telling somebody something: a form goes out, and only the status comes back.

use reqwest::header::CONTENT_TYPE;
use url::{Url, form_urlencoded};

use super::{Inner, Net, NetError, Purpose, sort};

impl Net {
    /// Posts a form, by the same rules as [`Net::get`]: the status of the answer, whatever it is. Its body is not read.
    pub async fn post_form(&self, purpose: Purpose, url: &str, fields: &[(&str, &str)]) -> Result<u16, NetError> {
        let url = Url::parse(url).map_err(|_| NetError::BadUrl)?;
        let outcome = tokio::time::timeout(self.0.total, self.0.post_form(purpose, &url, fields)).await;
        let outcome = outcome.unwrap_or(Err(NetError::TimedOut));
        // The host alone: paths and queries may be secrets.
        let (host, error) = (url.host_str().unwrap_or_default(), outcome.as_ref().err().map(tracing::field::display));
        tracing::info!(?purpose, host, error, "posted a form");
        outcome
    }
}

impl Inner {
    async fn post_form(&self, purpose: Purpose, url: &Url, fields: &[(&str, &str)]) -> Result<u16, NetError> {
        let is_own_loopback = self.check_url(purpose, url)?;
        let _place = match purpose {
            Purpose::ClientDocument => {
                self.budget.pay_host(url.host_str().unwrap_or_default())?;
                self.budget.place().await
            }
            Purpose::AdministratorEndpoint | Purpose::OperatorCommand => None,
        };
        let addresses = self.addresses(purpose, url, is_own_loopback).await?;
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.pinned(url, &addresses)?.post(url.clone());
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        Ok(request.send().await.map_err(|error| sort(&error))?.status().as_u16())
    }
}
