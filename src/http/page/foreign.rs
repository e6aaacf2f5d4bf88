//! Text that somebody else chose, made safe to look at.

use std::fmt;

/// A name that a stranger gave, such as a client's: one line, of bounded length, in which nothing is invisible and nothing
/// turns the direction of the text around it. (Markup is the template's concern: it escapes.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign(String);

/// As many characters as a name may have.
const LONGEST: usize = 60;
/// As many as a sentence or two may have.
const LONGEST_PASSAGE: usize = 600;
/// What an invisible character becomes: its presence is shown, its effect is gone.
const SHOWN: char = '\u{fffd}';
/// As many combining marks as one letter may carry.
const MARKS: usize = 2;

impl Foreign {
    /// A name as it may be shown.
    pub fn new(text: &str) -> Self {
        Self::within(text, LONGEST)
    }

    /// A sentence or two as they may be shown.
    pub fn passage(text: &str) -> Self {
        Self::within(text, LONGEST_PASSAGE)
    }

    fn within(text: &str, longest: usize) -> Self {
        let mut shown = String::new();
        let mut marks = 0;
        for character in text.chars() {
            let (next, repeats) = match kind(character) {
                Kind::Space => (' ', false),
                Kind::Invisible => (SHOWN, false),
                Kind::Selector => continue,
                Kind::Mark => (character, true),
                Kind::Letter => (character, true),
            };
            marks = if kind(character) == Kind::Mark { marks + 1 } else { 0 };
            if marks <= MARKS && (repeats || !shown.ends_with(next)) {
                shown.push(next);
            }
        }
        let shown = shown.trim();
        Self(match shown.char_indices().nth(longest) {
            _ if shown.is_empty() => "(no name)".to_owned(),
            Some((end, _)) => format!("{}…", shown[..end].trim_end()),
            None => shown.to_owned(),
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first letter or digit in upper case, for a monogram.
    pub fn initial(&self) -> String {
        let first = self.0.chars().find(|character| character.is_alphanumeric());
        first.map_or_else(|| "?".to_owned(), |first| first.to_uppercase().collect())
    }

    /// A name as an attacker would choose it.
    pub fn hostile_sample() -> Self {
        Self::new(
            "<script>alert(\"1\")</script> O'Hara\u{202e}moc.live\u{200b} \u{feff}\n\n& \"Sons\" onclick=alert(1)",
        )
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    Invisible,
    /// Chooses how the character before it is drawn; harmless, and left out.
    Selector,
    Mark,
    Letter,
}

fn kind(character: char) -> Kind {
    match character {
        // Soft hyphen, joiners, bidirectional controls, word joiners, fillers, interlinear notes, language tags.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' => Kind::Invisible,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' => {
            Kind::Invisible
        }
        '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => {
            Kind::Invisible
        }
        '\u{fe00}'..='\u{fe0f}' => Kind::Selector,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' => {
            Kind::Mark
        }
        '\u{fe20}'..='\u{fe2f}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' => Kind::Mark,
        _ if character.is_whitespace() => Kind::Space,
        _ if character.is_control() => Kind::Invisible,
        _ => Kind::Letter,
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_turn_the_text_around_it_or_hide_letters_in_it() {
        for (given, shown) in [
            ("Cur\u{200b}sor", "Cur\u{fffd}sor"),
            ("\u{202e}rosruC", "\u{fffd}rosruC"),
            ("\u{2066}\u{2067}x\u{2069}", "\u{fffd}x\u{fffd}"),
            ("a\u{0}b\u{7f}", "a\u{fffd}b\u{fffd}"),
            ("  two\n\nlines\u{3000}here ", "two lines here"),
            ("  ", "(no name)"),
            ("Z\u{301}\u{301}\u{301}\u{301}\u{301}", "Z\u{301}\u{301}"),
            ("קורסר", "קורסר"),
        ] {
            assert_eq!(Foreign::new(given).as_str(), shown, "{given:?}");
        }
    }

    #[test]
    fn a_name_cannot_push_the_facts_off_the_page() {
        let long = Foreign::new(&"m".repeat(5_000));
        assert_eq!(long.as_str().chars().count(), LONGEST + 1);
    }

    #[test]
    fn a_monogram_is_a_letter_or_a_question_mark() {
        assert_eq!(Foreign::new("«claude»").initial(), "C");
        assert_eq!(Foreign::new("!!!").initial(), "?");
    }
}
