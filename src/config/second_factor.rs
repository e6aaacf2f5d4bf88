//! Who must prove who they are by more than a password.

/// `PORTCULLIS_REQUIRE_SECOND_FACTOR`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondFactorPolicy {
    /// Whoever wants to.
    #[default]
    Off,
    /// Administrators.
    Administrators,
    /// Everyone.
    Everyone,
}

impl SecondFactorPolicy {
    /// Its name in the setting.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Administrators => "administrators",
            Self::Everyone => "everyone",
        }
    }

    /// The policy of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Off, Self::Administrators, Self::Everyone].into_iter().find(|policy| policy.name() == name)
    }

    /// True when it asks this of an administrator, or of somebody who is none.
    pub fn applies_to(self, is_admin: bool) -> bool {
        match self {
            Self::Off => false,
            Self::Administrators => is_admin,
            Self::Everyone => true,
        }
    }
}
