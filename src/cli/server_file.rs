//! The files with which the MCP Gateway Registry describes a server.

use std::fs;
use std::path::Path;

use super::outcome::Failure;
use crate::upstreams::described::{Described, Read};

/// Reads one.
pub fn read(path: &Path) -> Result<Read, Failure> {
    let unusable = |why: String| Failure::usage(format!("--file {} cannot be used: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    let described: Described = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    Ok(described.read())
}
