//! The file that `--jwks-file` names: public keys, as a JSON Web Key Set.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::outcome::Failure;

/// The JSON in the file. Whether its keys are of use is for whoever takes them.
pub fn read(path: &Path) -> Result<Value, Failure> {
    let text = fs::read_to_string(path).map_err(|error| unusable(path, error))?;
    serde_json::from_str(&text).map_err(|error| unusable(path, error))
}

/// Why the file is of no use.
pub fn unusable(path: &Path, why: impl Display) -> Failure {
    Failure::usage(format!("--jwks-file {} cannot be used: {why}", path.display()))
}
