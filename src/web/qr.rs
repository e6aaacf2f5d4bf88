//! QR codes as one SVG path: nothing is fetched for them, from nobody.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// A QR code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qr {
    /// Its width and height in modules, with the quiet zone around it.
    pub size: usize,
    /// The dark modules.
    pub path: String,
}

/// Modules that stay light around it (ISO/IEC 18004).
const QUIET: usize = 4;

impl Qr {
    /// The code that says `text`; none when it says too much for one.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let mut path = String::new();
        for (place, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                let (x, y) = (place % width + QUIET, place / width + QUIET);
                // Writing to a string does not fail.
                let _ = write!(path, "M{x} {y}h1v1h-1z");
            }
        }
        Some(Self { size: width + 2 * QUIET, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_its_three_corners_and_a_quiet_zone() {
        let qr = Qr::of("otpauth://totp/Portcullis:ada?secret=ABC").unwrap();
        let far = qr.size - QUIET - 1;
        for corner in ["M4 4h1".to_owned(), format!("M{far} 4h1"), format!("M4 {far}h1")] {
            assert!(qr.path.contains(&corner), "{corner}");
        }
        assert!(!qr.path.contains("M3 ") && !qr.path.contains(" 3h"));
        assert_eq!(Qr::of(&"x".repeat(4000)), None);
    }
}
