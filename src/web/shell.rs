//! What the frame around settings pages needs.

use crate::app::App;
use crate::http::SignedIn;
use crate::http::page::{Foreign, Site};

/// Who is signed in, and where in the menu they are.
#[derive(Clone, Debug)]
pub struct Shell {
    /// The name of the person.
    pub person: Foreign,
    /// For the forms of the page, sign-out among them.
    pub csrf: String,
    /// True when they administer this installation, and see the pages for that.
    pub administers: bool,
    /// The page they are on.
    pub here: Menu,
}

/// The pages of the sidebar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    /// Connected apps.
    Apps,
    /// Profile.
    Profile,
    /// Security: password, two-step sign-in, passkeys.
    Security,
    /// Sessions.
    Sessions,
    /// Connection doctor.
    Doctor,
    /// Recent connections.
    Flows,
}

/// One line of the sidebar.
#[derive(Clone, Debug)]
pub struct MenuEntry {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub label: &'static str,
    /// True on the page itself.
    pub here: bool,
}

impl Menu {
    /// Every page, in the order of the sidebar.
    pub const ALL: [Self; 6] = [Self::Apps, Self::Profile, Self::Security, Self::Sessions, Self::Doctor, Self::Flows];

    /// True for the pages of administrators.
    fn is_for_administrators(self) -> bool {
        match self {
            Self::Apps | Self::Profile | Self::Security | Self::Sessions => false,
            Self::Doctor | Self::Flows => true,
        }
    }

    fn href(self, site: &Site) -> String {
        match self {
            Self::Apps => site.apps(),
            Self::Profile => site.profile(),
            Self::Security => site.security(),
            Self::Sessions => site.sessions(),
            Self::Doctor => site.doctor(),
            Self::Flows => site.flows(),
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Apps => "Connected apps",
            Self::Profile => "Profile",
            Self::Security => "Security",
            Self::Sessions => "Sessions",
            Self::Doctor => "Connection doctor",
            Self::Flows => "Recent connections",
        }
    }
}

impl Shell {
    /// The frame around a page of this person.
    pub fn of(app: &App, signed_in: &SignedIn, here: Menu) -> Self {
        Self {
            person: Foreign::new(&signed_in.person.display_name),
            csrf: signed_in.csrf_token(&app.keys),
            administers: signed_in.person.is_admin,
            here,
        }
    }

    /// The sidebar, seen from this page.
    pub fn menu(&self, site: &Site) -> Vec<MenuEntry> {
        let entry = |menu: Menu| MenuEntry { href: menu.href(site), label: menu.label(), here: menu == self.here };
        let theirs = Menu::ALL.into_iter().filter(|menu| self.administers || !menu.is_for_administrators());
        theirs.map(entry).collect()
    }

    /// A shell for samples.
    pub fn sample(here: Menu) -> Self {
        Self {
            person: Foreign::new("Alice Example"),
            csrf: "sample-csrf".to_owned(),
            administers: here.is_for_administrators(),
            here,
        }
    }
}
