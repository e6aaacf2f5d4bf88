//! The stylesheet, the script and the icon: built into the program, served under names that change with their content.

use std::io::Write;
use std::sync::LazyLock;

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, Responder};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::http::urls;

/// A file that pages ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset {
    /// The one stylesheet.
    Stylesheet,
    /// The one script, for comfort only.
    Script,
    /// The script of the pages on which passkeys are made or used.
    PasskeyScript,
    /// The icon in the browser's tab.
    Favicon,
}

/// The file names, in the order of [`Asset::ALL`].
static FILE_NAMES: LazyLock<[String; Asset::ALL.len()]> = LazyLock::new(|| Asset::ALL.map(Asset::fingerprinted));

/// Their contents as gzip (RFC 1952), in the same order; none where it could not be made.
///
/// Only they are compressed: the length of a compressed page would betray the secrets in it (BREACH).
static COMPRESSED: LazyLock<[Option<Vec<u8>>; Asset::ALL.len()]> = LazyLock::new(|| Asset::ALL.map(Asset::gzip));

impl Asset {
    /// Every asset.
    pub const ALL: [Self; 4] = [Self::Stylesheet, Self::Script, Self::PasskeyScript, Self::Favicon];

    /// Its path under the public URL; it changes with the content, so browsers may keep it for ever.
    pub fn path(self) -> String {
        format!("{}/{}", urls::STATIC, FILE_NAMES[self as usize])
    }

    /// Its content.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::Stylesheet => include_bytes!("../../static/portcullis.css"),
            Self::Script => include_bytes!("../../static/portcullis.js"),
            Self::PasskeyScript => include_bytes!("../../static/passkeys.js"),
            Self::Favicon => include_bytes!("../../static/favicon.svg"),
        }
    }

    /// What it takes to send it to a browser of today.
    pub fn weight(self) -> usize {
        COMPRESSED[self as usize].as_ref().map_or(self.bytes().len(), Vec::len)
    }

    fn stem_and_extension(self) -> (&'static str, &'static str) {
        match self {
            Self::Stylesheet => ("portcullis", "css"),
            Self::Script => ("portcullis", "js"),
            Self::PasskeyScript => ("passkeys", "js"),
            Self::Favicon => ("favicon", "svg"),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Stylesheet => "text/css; charset=utf-8",
            Self::Script | Self::PasskeyScript => "text/javascript; charset=utf-8",
            Self::Favicon => "image/svg+xml",
        }
    }

    fn fingerprinted(self) -> String {
        let digest = Sha256::digest(self.bytes());
        let fingerprint: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let (stem, extension) = self.stem_and_extension();
        format!("{stem}.{fingerprint}.{extension}")
    }

    fn gzip(self) -> Option<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(self.bytes()).ok()?;
        encoder.finish().ok()
    }

    fn response(self, request: &HttpRequest, cache_control: &'static str) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response
            .insert_header((CONTENT_TYPE, self.content_type()))
            .insert_header((VARY, ACCEPT_ENCODING.as_str()))
            .insert_header((CACHE_CONTROL, cache_control))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            // An SVG that is opened by itself is a document: it may do nothing.
            .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'"));
        match &COMPRESSED[self as usize] {
            Some(compressed) if takes_gzip(request) => {
                response.insert_header((CONTENT_ENCODING, "gzip")).body(compressed.as_slice())
            }
            _ => response.body(self.bytes()),
        }
    }
}

/// True when the browser says that it reads gzip. What is refused (`q=0`) or hidden behind `*` counts as no.
fn takes_gzip(request: &HttpRequest) -> bool {
    let said = request.headers().get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(',').any(|coding| match coding.split_once(';') {
        None => coding.trim().eq_ignore_ascii_case("gzip"),
        Some((name, weight)) => {
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
            name.trim().eq_ignore_ascii_case("gzip") && weight.is_some_and(|weight| weight > 0.0)
        }
    })
}

/// `GET {STATIC}/{file}`: an asset under its present name; any other name is 404.
pub async fn get(request: HttpRequest, file: Path<String>) -> impl Responder {
    let wanted = Asset::ALL.into_iter().find(|asset| FILE_NAMES[*asset as usize] == *file);
    wanted.map_or_else(
        || HttpResponse::NotFound().finish(),
        |asset| asset.response(&request, "public, max-age=31536000, immutable"),
    )
}

/// `GET /favicon.ico`: where browsers look without being told.
pub async fn favicon(request: HttpRequest) -> impl Responder {
    Asset::Favicon.response(&request, "public, max-age=86400")
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, web};

    use super::*;

    #[actix_web::test]
    async fn an_asset_is_kept_for_ever_under_a_name_that_changes_with_it() {
        let route = format!("{}/{{file}}", urls::STATIC);
        let app = init_service(App::new().route(&route, web::get().to(get))).await;
        for asset in Asset::ALL {
            let response = call_service(&app, TestRequest::get().uri(&asset.path()).to_request()).await;
            assert_eq!(response.status(), 200);
            let kept = response.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
            assert!(kept.is_some_and(|value| value.ends_with("immutable")), "{asset:?}");
        }
        let packed = TestRequest::get().uri(&Asset::Stylesheet.path()).insert_header((ACCEPT_ENCODING, "br, gzip"));
        let packed = call_service(&app, packed.to_request()).await;
        assert_eq!(packed.headers().get(CONTENT_ENCODING).unwrap(), "gzip");
        assert!(to_bytes(packed.into_body()).await.unwrap().len() * 2 < Asset::Stylesheet.bytes().len());
        for path in ["/static/portcullis.css", "/static/portcullis.000000000000.css", "/static/..%2fCargo.toml"] {
            let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
            assert_eq!(response.status(), 404, "{path}");
        }
    }

    #[test]
    fn a_browser_gets_gzip_when_it_says_that_it_reads_it() {
        for (said, takes) in [
            ("gzip", true),
            ("gzip, deflate, br, zstd", true),
            ("br;q=1.0, GZIP;q=0.8, *;q=0.1", true),
            ("gzip;q=0", false),
            ("br", false),
            ("*", false),
            ("", false),
        ] {
            let request = TestRequest::default().insert_header((ACCEPT_ENCODING, said)).to_http_request();
            assert_eq!(takes_gzip(&request), takes, "{said:?}");
        }
    }
}
