//! What the frame around settings pages needs.

use crate::http::page::{Foreign, Site};

/// Who is signed in, and where in the menu they are.
#[derive(Clone, Debug)]
pub struct Shell {
    /// The name of the person.
    pub person: Foreign,
    /// For the forms of the page, sign-out among them.
    pub csrf: String,
    /// The page they are on.
    pub here: Menu,
}

/// The pages of the sidebar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    /// Connected apps.
    Apps,
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
    pub const ALL: [Self; 1] = [Self::Apps];

    fn href(self, site: &Site) -> String {
        match self {
            Self::Apps => site.apps(),
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Apps => "Connected apps",
        }
    }
}

impl Shell {
    /// The sidebar, seen from this page.
    pub fn menu(&self, site: &Site) -> Vec<MenuEntry> {
        let entry = |menu: Menu| MenuEntry { href: menu.href(site), label: menu.label(), here: menu == self.here };
        Menu::ALL.into_iter().map(entry).collect()
    }

    /// A shell for samples.
    pub fn sample(here: Menu) -> Self {
        Self { person: Foreign::new("Alice Example"), csrf: "sample-csrf".to_owned(), here }
    }
}
