//! What a URL's text tells before anybody goes there.

use std::net::IpAddr;

use url::{Host, Url};

use super::{Net, NetError, Purpose, address};

impl Net {
    /// Judges what can be judged of a URL without asking for the addresses of a name; those are judged whenever somebody goes
    /// there. So a URL that can never be reached is refused when it is entered.
    pub fn foresee(&self, purpose: Purpose, url: &str) -> Result<(), NetError> {
        let url = Url::parse(url).map_err(|_| NetError::BadUrl)?;
        self.0.check_url(purpose, &url)?;
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        address::is_allowed(purpose, address).then_some(()).ok_or(NetError::ForbiddenAddress)
    }
}
