//! Bodies in JSON. They are read by handlers, not by an extractor: who sends one is asked first (`decisions` 15).

use actix_web::web::Bytes;
use serde::de::DeserializeOwned;

use super::error::Problem;

/// What the body says.
pub fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| match error.is_data() {
        // The words name the member that is wrong, and nothing of ours.
        true => Problem::Unprocessable(error.to_string()),
        false => Problem::BadRequest("The body is not JSON"),
    })
}
