//! People and the programs that act for themselves: who they are and how they prove it.
//!
//! Nouns: [`user`], [`group`], [`service_account`], [`session`],
//! [`setup_link`]. Verbs: [`sign_in`](mod@sign_in), [`sign_out`](mod@sign_out),
//! [`recognise`](mod@recognise), [`add_person`](mod@add_person), [`add_group`](mod@add_group), [`change_group`], [`set_up`], [`disable`], [`membership`],
//! [`change_profile`](mod@change_profile), [`change_password`](mod@change_password), [`end_sessions`](mod@end_sessions),
//! [`second_step`](mod@second_step), [`two_step`], [`keyring`].

mod account_name;
pub mod add_group;
pub mod add_person;
pub mod change_group;
pub mod change_password;
pub mod change_profile;
pub mod code_budget;
pub mod disable;
pub mod end_sessions;
pub mod group;
pub mod keyring;
pub mod linked_account;
pub mod membership;
mod new_password;
pub mod passkey;
mod person;
pub mod recognise;
pub mod recovery_code;
pub mod second_step;
pub mod service_account;
pub mod session;
pub mod set_up;
pub mod setup_link;
pub mod sign_in;
pub mod sign_out;
pub mod totp;
pub mod two_step;
pub mod used_challenge;
pub mod user;
mod username;

pub use account_name::{AccountName, AccountNameRefusal};
pub use group::Group;
pub use new_password::{LONGEST_PASSWORD, NewPassword, PasswordRefusal, SHORTEST_PASSWORD};
pub use person::{Email, Person, Rights};
pub use service_account::ServiceAccount;
pub use session::Session;
pub use user::User;
pub use username::{Username, UsernameRefusal};

/// What is announced when facts of a person or service account change, on which nodes decide from memory.
pub const CHANGED: &str = "people";
