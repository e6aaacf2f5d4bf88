//! API keys at the doors: `decisions` 3, 8 and 9, RFC 6750 §3.

mod admission;
mod ends;
mod limits;
mod uses;
