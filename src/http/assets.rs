//! The stylesheet, the script and the icon: built into the program, served under names that change with their content.

use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::Path;
use actix_web::{HttpResponse, Responder};
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

    fn response(self, cache_control: &'static str) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, self.content_type()))
            .insert_header((CACHE_CONTROL, cache_control))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            // An SVG that is opened by itself is a document: it may do nothing.
            .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'"))
            .body(self.bytes())
    }
}

/// `GET {STATIC}/{file}`: an asset under its present name; any other name is 404.
pub async fn get(file: Path<String>) -> impl Responder {
    let wanted = Asset::ALL.into_iter().find(|asset| FILE_NAMES[*asset as usize] == *file);
    wanted.map_or_else(
        || HttpResponse::NotFound().finish(),
        |asset| asset.response("public, max-age=31536000, immutable"),
    )
}

/// `GET /favicon.ico`: where browsers look without being told.
pub async fn favicon() -> impl Responder {
    Asset::Favicon.response("public, max-age=86400")
}

#[cfg(test)]
mod tests {
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
        for path in ["/static/portcullis.css", "/static/portcullis.000000000000.css", "/static/..%2fCargo.toml"] {
            let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
            assert_eq!(response.status(), 404, "{path}");
        }
    }
}
