//! People and their sessions: the verbs over a database of their own, and the pages over HTTP.

mod disable;
mod forms;
mod house;
mod people;
mod session;
mod set_up;
mod sign_in;
mod sign_out;
