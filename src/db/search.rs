//! Text that somebody looks for.

/// The pattern of `LIKE` that finds exactly this text anywhere: nothing in it means something to the database.
pub fn containing(text: &str) -> String {
    let plain = text.replace('\0', "").replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{plain}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_finds_what_it_says_and_no_more() {
        for (text, pattern) in [("", "%%"), ("a b", "%a b%"), ("50%_", "%50\\%\\_%"), ("\\\0", "%\\\\%")] {
            assert_eq!(containing(text), pattern);
        }
    }
}
