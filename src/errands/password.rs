//! Passwords on their way to and from a verb: hashed with no transaction open, since that takes longer than all else.

use secrecy::SecretString;

use crate::crypto::{Busy, Passwords, Verdict};
use crate::identity::User;
use crate::identity::sign_in::Checked;

/// Checks a password for the person who has the name that was typed, if anybody has. Tell [`sign_in`] what came of it.
///
/// Takes as long for nobody, and for somebody who has no password yet, as it does for anybody.
///
/// [`sign_in`]: fn@crate::identity::sign_in::sign_in
pub async fn check(passwords: &Passwords, user: Option<&User>, password: SecretString) -> Result<Checked, Busy> {
    let stored = user.and_then(|user| user.password_hash.clone());
    let verdict = passwords.check(stored.clone(), password).await?;
    Ok(match (verdict, user, stored) {
        (Verdict::Right { renewed }, Some(user), Some(against)) => Checked::Right { user: user.id, against, renewed },
        (Verdict::Right { .. } | Verdict::Wrong, user, _) => Checked::Wrong { user: user.map(|user| user.id) },
    })
}
