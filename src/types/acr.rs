//! How surely somebody proved who they are: the authentication context class of OpenID Connect Core §2.

use super::Words;

/// An authentication context class (`decisions` 54). What exactly was used is in `amr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acr {
    /// By a password alone.
    Password,
    /// By two factors: a password and a code, or a passkey whose authenticator verified who is there.
    MultiFactor,
}

impl Acr {
    /// All that we know, the surest last.
    pub const ALL: [Self; 2] = [Self::Password, Self::MultiFactor];

    /// The class of a proof by these methods (RFC 8176 §2, `mfa`).
    pub fn of(amr: &Words) -> Self {
        if amr.has("mfa") { Self::MultiFactor } else { Self::Password }
    }

    /// Its name: a URI, as the specification wants.
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "urn:portcullis:acr:password",
            Self::MultiFactor => "urn:portcullis:acr:mfa",
        }
    }
}
