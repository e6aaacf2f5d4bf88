//! Names that clients give themselves: made harmless to show, and held against names that people trust.

/// The longest name, in characters after cleaning.
pub const MAX_NAME: usize = 128;

/// A well-known product, and the domains that may speak in its name.
struct Brand {
    name: &'static str,
    /// Spellings without spaces and punctuation.
    spellings: &'static [&'static str],
    /// Also a common part of other words, so only whole words and beginnings count.
    is_common: bool,
    domains: &'static [&'static str],
}

const BRANDS: [Brand; 9] = [
    brand("Claude", &["claude", "anthropic"], false, &["claude.ai", "claude.com", "anthropic.com"]),
    brand("ChatGPT", &["chatgpt", "openai", "codex"], false, &["chatgpt.com", "openai.com"]),
    brand("Cursor", &["cursor", "anysphere"], true, &["cursor.com", "cursor.sh"]),
    brand("VS Code", &["vscode", "visualstudio"], false, &["vscode.dev", "visualstudio.com", "microsoft.com"]),
    brand("GitHub", &["github", "copilot"], false, &["github.com", "microsoft.com"]),
    brand("Google Gemini", &["google", "gemini"], false, &["google.com"]),
    brand("Windsurf", &["windsurf", "codeium"], false, &["windsurf.com", "codeium.com"]),
    brand("opencode", &["opencode"], false, &["opencode.ai"]),
    brand("Portcullis", &["portcullis"], false, &[]),
];

const fn brand(
    name: &'static str,
    spellings: &'static [&'static str],
    is_common: bool,
    domains: &'static [&'static str],
) -> Brand {
    Brand { name, spellings, is_common, domains }
}

/// The text without what could deceive a reader: control, direction-changing and invisible characters are removed, and
/// white space is one space.
pub fn clean(text: &str) -> String {
    let visible: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_invisible(*c)).collect();
    visible.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// True when [`clean`] takes more than white space away.
pub fn is_deceptive(text: &str) -> bool {
    text.trim().chars().any(is_invisible)
}

/// Controls, format characters (Unicode Cf: bidi, zero-width, tags), fillers that render as nothing, private use.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffd}' | '\u{1d173}'..='\u{1d17a}' | '\u{e000}'..='\u{f8ff}'
            | '\u{e0000}'..='\u{10ffff}')
}

/// The well-known product whose name this one uses or imitates, unless `proven_host` (of the client's metadata document,
/// or of the https redirect URI to which the code will go) belongs to that product.
pub fn imitates(name: &str, proven_host: Option<&str>) -> Option<&'static str> {
    let words: Vec<String> = name.split(|c: char| !c.is_alphanumeric() && !"|!$@".contains(c)).map(fold).collect();
    let joined = words.concat();
    let uses = |brand: &Brand| {
        brand.spellings.iter().map(|spelling| fold(spelling)).any(|spelling| match brand.is_common {
            true => words.contains(&spelling) || joined.starts_with(&spelling),
            false => joined.contains(&spelling),
        })
    };
    let is_genuine =
        |brand: &Brand| proven_host.is_some_and(|host| brand.domains.iter().any(|domain| is_within(host, domain)));
    BRANDS.iter().find(|brand| uses(brand) && !is_genuine(brand)).map(|brand| brand.name)
}

fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Letters as a hasty reader sees them: one representative for all that look alike. Rough on purpose; it only warns.
fn fold(text: &str) -> String {
    let letters: String = clean(text).chars().map(plain).flat_map(char::to_lowercase).map(look_alike).collect();
    letters.chars().filter(|c| c.is_alphanumeric()).collect::<String>().replace("rn", "m").replace("vv", "w")
}

/// Full-width and mathematical letters to ASCII.
fn plain(c: char) -> char {
    let code = u32::from(c);
    let ascii = match code {
        0xff01..=0xff5e => code - 0xfee0,
        // Thirteen alphabets of twice 26 letters.
        0x1d400..=0x1d6a3 => match (code - 0x1d400) % 52 {
            upper @ 0..26 => 0x41 + upper,
            lower => 0x61 + lower - 26,
        },
        _ => code,
    };
    char::from_u32(ascii).unwrap_or(c)
}

/// Digits, Cyrillic, Greek and accented letters to the Latin letter that they resemble; `i` and `l` are one.
fn look_alike(c: char) -> char {
    match c {
        '4' | '@' | 'а' | 'α' | 'à'..='å' | 'ā' | 'ă' | 'ą' | 'ɑ' => 'a',
        '8' | 'в' | 'β' | 'ь' => 'b',
        'с' | 'ç' | 'ć' | 'č' | 'ϲ' | 'ᴄ' => 'c',
        'ԁ' | 'ɗ' | 'đ' | 'ď' => 'd',
        '3' | 'е' | 'ё' | 'ε' | 'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ɡ' | 'ģ' | 'ğ' | 'ġ' | 'ԍ' => 'g',
        'һ' | 'н' | 'հ' => 'h',
        '1' | '|' | '!' | 'i' | 'і' | 'ї' | 'ι' | 'ì'..='ï' | 'ı' | 'ӏ' | 'ł' | 'ľ' | 'ĺ' => 'l',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' => 'm',
        'ñ' | 'ń' | 'ո' | 'η' | 'п' => 'n',
        '0' | 'о' | 'ο' | 'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'օ' | 'σ' => 'o',
        'р' | 'ρ' | 'þ' => 'p',
        'г' | 'ŕ' | 'ř' => 'r',
        '5' | '$' | 'ѕ' | 'ś' | 'ş' | 'š' => 's',
        '7' | 'т' | 'τ' | 'ţ' | 'ť' => 't',
        'υ' | 'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' | 'ý' | 'ÿ' => 'y',
        'ž' | 'ź' | 'ż' => 'z',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_turn_or_hide_what_stands_beside_it() {
        for (raw, shown) in [
            ("  My \t app\r\n", "My app"),
            ("\u{202e}evil\u{202c}", "evil"),
            ("Cl\u{200b}au\u{ad}de\u{feff}", "Claude"),
            ("a\u{2066}b\u{2069}\u{0}", "ab"),
            ("\u{3164}\u{200f}", ""),
            ("Œuvre Straße 日本語", "Œuvre Straße 日本語"),
        ] {
            assert_eq!(clean(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn a_well_known_name_is_recognised_in_disguise() {
        for (name, known) in [
            ("Claude", "Claude"),
            ("claude code (official)", "Claude"),
            ("CIaude", "Claude"),
            ("C1aude", "Claude"),
            ("Сlаudе", "Claude"),
            ("Ｃｌａｕｄｅ", "Claude"),
            ("𝐂𝐥𝐚𝐮𝐝𝐞", "Claude"),
            ("C l a u d e", "Claude"),
            ("Cl\u{200b}aude", "Claude"),
            ("Chat-GPT", "ChatGPT"),
            ("0penAI", "ChatGPT"),
            ("Cursor", "Cursor"),
            ("The cur5or editor", "Cursor"),
            ("VS Code", "VS Code"),
            ("Visual Studio Code", "VS Code"),
            ("Portcullis admin", "Portcullis"),
        ] {
            assert_eq!(imitates(name, None), Some(known), "{name}");
        }
        for name in ["", "Precursor", "Weather", "My notes", "日本語"] {
            assert_eq!(imitates(name, None), None, "{name}");
        }
    }

    #[test]
    fn a_product_on_its_own_domain_imitates_nobody() {
        assert_eq!(imitates("Claude Code", Some("claude.ai")), None);
        assert_eq!(imitates("Visual Studio Code", Some("insiders.vscode.dev")), None);
        assert_eq!(imitates("Claude Code", Some("notclaude.ai")), Some("Claude"));
        assert_eq!(imitates("Claude Code", Some("claude.ai.evil.example")), Some("Claude"));
    }
}
