//! Somebody must be able to sign in: the first administrator.

use super::installation::Installation;
use super::outcome::Failure;
use super::user;
use crate::crypto::PlainToken;
use crate::identity::User;
use crate::identity::add_person::NewPerson;

/// Makes sure that there is an administrator; answers a one-time set-up link while nobody has chosen their password.
///
/// A link that was never used is replaced at every start: whoever reads the terminal is the operator.
pub async fn ensure(open: &Installation) -> Result<Option<PlainToken>, Failure> {
    let administrators = open.db.write(async |conn| {
        let ids = User::hold_administrators(conn).await?;
        let everybody = User::all(conn).await?;
        Ok(everybody.into_iter().filter(|user| ids.contains(&user.id)).collect::<Vec<_>>())
    });
    let administrators = administrators.await.map_err(Failure::refused)?;
    match administrators.first() {
        None => add(open).await,
        Some(_) if administrators.iter().any(|user| user.password_hash.is_some()) => Ok(None),
        Some(waiting) => {
            let link = open.db.write(async |conn| user::set_up_link(conn, open, waiting).await);
            link.await.map_err(Failure::refused)
        }
    }
}

async fn add(open: &Installation) -> Result<Option<PlainToken>, Failure> {
    let admin = &open.config.admin;
    let password = match &admin.password {
        Some(password) => Some(user::hash(open, password.clone(), &admin.username, "PORTCULLIS_ADMIN_PASSWORD").await?),
        None => None,
    };
    let person = NewPerson { username: admin.username.clone(), is_admin: true, password, ..NewPerson::default() };
    user::add(open, person).await.map(|(_, link)| link)
}
