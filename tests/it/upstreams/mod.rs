//! Servers behind the gate: who registers them, and what is known of their tools.

mod discovery;
mod registry;
