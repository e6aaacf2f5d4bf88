//! Files with a token in them: bare, as `{"access_token": …}`, or among whatever else a client keeps beside it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::outcome::Failure;

/// The token in a file.
pub fn read(path: &Path) -> Result<String, Failure> {
    let named = |why: &str| Failure::refused(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| named(&error.to_string()))?;
    token_in(&text).ok_or_else(|| named("there is no token in it: it holds one, or JSON with an access_token"))
}

fn token_in(text: &str) -> Option<String> {
    let token = match serde_json::from_str::<Value>(text) {
        Ok(json) => {
            json.get("access_token").or(json.pointer("/tokens/access_token")).unwrap_or(&json).as_str()?.to_owned()
        }
        Err(_) => text.trim().to_owned(),
    };
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_token.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_every_form_that_is_kept() {
        for text in [
            "a.b.c",
            " a.b.c\n",
            "\"a.b.c\"",
            r#"{"access_token": "a.b.c"}"#,
            r#"{"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r"}"#,
            r#"{"provider": "x", "tokens": {"access_token": "a.b.c", "expires_at": 1}}"#,
        ] {
            assert_eq!(token_in(text).as_deref(), Some("a.b.c"), "{text}");
        }
        for text in ["", " \n", "two words", "{}", r#"{"access_token": 1}"#, r#"{"access_token": ""}"#, "[]", "1"] {
            assert_eq!(token_in(text), None, "{text}");
        }
    }
}
