//! Forms with a file (RFC 7578): ours, from this browser, of bounded size, every field once.

use std::collections::BTreeMap;

use actix_multipart::Multipart;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, StreamExt};

use super::form::{CSRF_FIELD, check};
use super::refusal::{PageError, Refusal};

/// The most bytes of one file: a little over what any reader of one takes, so that it can say how much that is.
const LARGEST_FILE: usize = 256 * 1024;
/// The most bytes of everything else together.
const LARGEST_REST: usize = 8 * 1024;
/// The most parts.
const MOST_PARTS: usize = 8;

/// A form with a file that somebody really sent from a page of ours, held to the same as [`PageForm`](super::PageForm).
#[derive(Clone, Debug, Default)]
pub struct Upload {
    fields: BTreeMap<String, Vec<u8>>,
}

impl Upload {
    /// What a field says; nothing when it was not sent or is no text.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The bytes of a file, if one was chosen.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.fields.get(name).map(Vec::as_slice).filter(|bytes| !bytes.is_empty())
    }
}

impl FromRequest for Upload {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move {
            let taken = async {
                let mut upload = read(&request, payload).await?;
                let token = upload.fields.remove(CSRF_FIELD).ok_or(Refusal::StaleForm)?;
                check(&request, std::str::from_utf8(&token).unwrap_or_default()).await?;
                Ok(upload)
            };
            taken.await.map_err(|refusal: Refusal| refusal.to(&request))
        }
        .boxed_local()
    }
}

async fn read(request: &HttpRequest, payload: Payload) -> Result<Upload, Refusal> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("multipart/form-data") {
        return Err(Refusal::BadForm("not multipart/form-data"));
    }
    let broken = |_| Refusal::BadForm("a part did not arrive whole");
    // The reader asks once more after the end.
    let (mut parts, mut upload, mut rest) = (Multipart::new(request.headers(), payload.fuse()), Upload::default(), 0);
    while let Some(part) = parts.next().await {
        let mut part = part.map_err(broken)?;
        let name = part.name().ok_or(Refusal::BadForm("a part without a name"))?.to_owned();
        let is_file = part.content_disposition().is_some_and(|said| said.get_filename().is_some());
        let mut bytes = Vec::new();
        while let Some(chunk) = part.next().await {
            let chunk = chunk.map_err(broken)?;
            if !is_file {
                rest += chunk.len();
            }
            if bytes.len() + chunk.len() > LARGEST_FILE || rest > LARGEST_REST {
                return Err(Refusal::LargeForm);
            }
            bytes.extend_from_slice(&chunk);
        }
        if upload.fields.len() == MOST_PARTS || upload.fields.insert(name, bytes).is_some() {
            return Err(Refusal::BadForm("a field came twice, or there are too many"));
        }
    }
    Ok(upload)
}
