//! Pictures that others give us to show: told by their bytes, whole, small, and nothing else at the same time.

use sha2::{Digest, Sha256};

/// A picture of a client, in one of the formats that can hold no script.
///
/// It is read from its first byte to its last, so that what follows or precedes a picture, such as a page or an archive that
/// hides behind it, makes it none. What is kept is without comments and without what cameras and programs note in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    format: LogoFormat,
    bytes: Vec<u8>,
}

/// What a picture is encoded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoFormat {
    /// ISO/IEC 15948.
    Png,
    /// ITU-T T.81.
    Jpeg,
    /// RFC 9649.
    WebP,
}

/// Why bytes are no picture that we show. The messages are for whoever chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoError {
    /// Over [`Logo::LARGEST`].
    #[error("the image must be at most 100 kB")]
    TooLarge,
    /// Another format, or none; SVG among them, which can hold scripts.
    #[error("the image must be a PNG, JPEG or WebP file")]
    Format,
    /// Cut off, or with something before, within or behind it that is no part of the picture.
    #[error("the image file is damaged, or holds something else besides the image")]
    Damaged,
    /// Over [`Logo::WIDEST`] in one direction.
    #[error("the image must be at most 1024 pixels wide and high")]
    TooWide,
}

impl Logo {
    /// The most bytes.
    pub const LARGEST: usize = 100 * 1024;
    /// The most pixels in either direction.
    pub const WIDEST: u32 = 1024;

    /// The picture that these bytes are. What anybody says of their type does not matter.
    pub fn read(bytes: Vec<u8>) -> Result<Self, LogoError> {
        if bytes.len() > Self::LARGEST {
            return Err(LogoError::TooLarge);
        }
        let format = LogoFormat::of(&bytes).ok_or(LogoError::Format)?;
        let read = match format {
            LogoFormat::Png => png(&bytes),
            LogoFormat::Jpeg => jpeg(&bytes),
            LogoFormat::WebP => webp(&bytes),
        };
        let Picture { size: (width, height), bytes } = read.ok_or(LogoError::Damaged)?;
        if width == 0 || height == 0 {
            return Err(LogoError::Damaged);
        }
        if width > Self::WIDEST || height > Self::WIDEST { Err(LogoError::TooWide) } else { Ok(Self { format, bytes }) }
    }

    /// A picture that was read before.
    pub fn stored(format: LogoFormat, bytes: Vec<u8>) -> Self {
        Self { format, bytes }
    }

    /// What it is encoded as.
    pub fn format(&self) -> LogoFormat {
        self.format
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the file.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }
}

impl LogoFormat {
    const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::WebP];

    /// Its word in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::WebP => "webp",
        }
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => None,
        }
    }
}

/// A file that was read to its end.
struct Picture {
    /// Width and height.
    size: (u32, u32),
    /// The file without its notes.
    bytes: Vec<u8>,
}

/// Chunk follows chunk from the header to the end, and nothing comes after (ISO/IEC 15948 §5.3, §5.6).
fn png(file: &[u8]) -> Option<Picture> {
    let (signature, mut rest) = file.split_at_checked(8)?;
    let (mut bytes, mut size) = (signature.to_vec(), None);
    loop {
        let length = usize::try_from(u32_be(rest, 0)?).ok()?;
        let (chunk, behind) = rest.split_at_checked(length.checked_add(12)?)?;
        rest = behind;
        match (chunk.get(4..8)?, size) {
            (b"IHDR", None) => size = Some((u32_be(chunk, 8)?, u32_be(chunk, 12)?)),
            (b"IHDR", Some(_)) | (_, None) => return None,
            (b"IEND", Some(size)) => {
                bytes.extend_from_slice(chunk);
                return rest.is_empty().then_some(Picture { size, bytes });
            }
            (b"tEXt" | b"zTXt" | b"iTXt" | b"eXIf" | b"tIME", Some(_)) => continue,
            (_, Some(_)) => {}
        }
        bytes.extend_from_slice(chunk);
    }
}

/// Segment follows segment to the scan, and the file ends where the picture does (ITU-T T.81 §B.1, §B.2).
fn jpeg(file: &[u8]) -> Option<Picture> {
    let (start, mut rest) = file.split_at_checked(2)?;
    let (mut bytes, mut size) = (start.to_vec(), None);
    loop {
        let [0xff, kind] = array(rest, 0)? else { return None };
        let (segment, behind) = rest.split_at_checked(usize::from(u16_be(rest, 2)?).checked_add(2)?)?;
        match kind {
            // Start of frame, of whatever coding; C4, C8 and CC are none.
            0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => {
                size = Some((u16_be(segment, 7)?.into(), u16_be(segment, 5)?.into()));
            }
            // The scan: what follows is coded, and has its one end at the end.
            0xda => {
                let ends = rest.windows(2).filter(|pair| *pair == [0xff, 0xd9]).count();
                bytes.extend_from_slice(rest);
                return size.filter(|_| ends == 1 && rest.ends_with(&[0xff, 0xd9])).map(|size| Picture { size, bytes });
            }
            // Exif, XMP, Photoshop's own, comments.
            0xe1 | 0xed | 0xfe => {
                rest = behind;
                continue;
            }
            _ => {}
        }
        bytes.extend_from_slice(segment);
        rest = behind;
    }
}

/// The container is exactly as long as it says, and holds chunks to its end (RFC 9649 §2.3 to §2.7).
fn webp(file: &[u8]) -> Option<Picture> {
    const EXIF_AND_XMP: u8 = 0b1100;
    let length = usize::try_from(u32_le(file, 4)?).ok()?;
    let mut rest = file.get(12..).filter(|_| length.checked_add(8) == Some(file.len()))?;
    let (mut chunks, mut size) = (Vec::new(), None);
    while !rest.is_empty() {
        let length = usize::try_from(u32_le(rest, 4)?).ok()?;
        let (chunk, behind) = rest.split_at_checked(length.checked_next_multiple_of(2)?.checked_add(8)?)?;
        rest = behind;
        match chunk.get(..4)? {
            b"EXIF" | b"XMP " => continue,
            b"VP8X" => {
                size = size.or(Some((u24_le(chunk, 12)? + 1, u24_le(chunk, 15)? + 1)));
                let mut header = chunk.to_vec();
                *header.get_mut(8)? &= !EXIF_AND_XMP;
                chunks.extend(header);
                continue;
            }
            b"VP8L" => {
                let packed = u32_le(chunk, 9)?;
                size = size.or(Some(((packed & 0x3fff) + 1, ((packed >> 14) & 0x3fff) + 1)));
            }
            b"VP8 " => {
                size = size.or(Some((u32::from(u16_le(chunk, 14)?) & 0x3fff, u32::from(u16_le(chunk, 16)?) & 0x3fff)));
            }
            _ => {}
        }
        chunks.extend_from_slice(chunk);
    }
    let whole = u32::try_from(chunks.len() + 4).ok()?.to_le_bytes();
    size.map(|size| Picture { size, bytes: [b"RIFF".as_slice(), &whole, b"WEBP", &chunks].concat() })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u32_be(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

fn u16_be(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn u24_le(bytes: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = array(bytes, at)?;
    Some(u32::from_le_bytes([a, b, c, 0]))
}

fn u16_le(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length[..], kind, data, &[0; 4]].concat()
    }

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
        let signature = [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
        [&signature[..], &chunk(b"IHDR", &header), &chunk(b"IDAT", &[1, 2, 3]), &chunk(b"IEND", &[])].concat()
    }

    fn jpeg_of(width: u16, height: u16) -> Vec<u8> {
        let [h, w] = [height, width].map(u16::to_be_bytes);
        let frame = [&[0xff, 0xc0, 0, 11, 8][..], &h, &w, &[1, 1, 0x11, 0]].concat();
        let scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 7, 7, 7, 0xff, 0xd9];
        [&[0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0][..], &frame, &scan].concat()
    }

    fn webp_of(width: u32, height: u32) -> Vec<u8> {
        let packed = (width - 1) | ((height - 1) << 14);
        let body = [b"WEBPVP8L\x05\0\0\0\x2f".as_slice(), &packed.to_le_bytes(), &[0]].concat();
        [b"RIFF".as_slice(), &u32::try_from(body.len()).unwrap().to_le_bytes(), &body].concat()
    }

    #[test]
    fn a_picture_is_told_by_its_bytes() {
        for (bytes, format) in [
            (png_of(64, 64), LogoFormat::Png),
            (jpeg_of(64, 32), LogoFormat::Jpeg),
            (webp_of(1024, 1), LogoFormat::WebP),
        ] {
            let logo = Logo::read(bytes.clone()).unwrap();
            assert_eq!((logo.format(), logo.bytes()), (format, &*bytes));
            assert_eq!(LogoFormat::named(format.name()), Some(format));
        }
        for other in
            [&b""[..], b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a/*<script>*/", b"<html>", b"%PDF-1.7"]
        {
            assert_eq!(Logo::read(other.to_vec()), Err(LogoError::Format));
        }
    }

    /// A file that is a picture and a page at once, or a page behind a picture.
    #[test]
    fn a_polyglot_is_no_picture() {
        let page = b"<script>alert(1)</script>";
        for good in [png_of(8, 8), jpeg_of(8, 8), webp_of(8, 8)] {
            assert_eq!(Logo::read([&good[..], page].concat()), Err(LogoError::Damaged), "behind it");
            assert!(Logo::read(good[..good.len() - 1].to_vec()).is_err(), "cut off");
            assert!(Logo::read([&page[..], &good].concat()).is_err(), "before it");
        }
        let jpeg = jpeg_of(8, 8);
        assert_eq!(Logo::read([jpeg.clone(), page.to_vec(), jpeg].concat()), Err(LogoError::Damaged), "between two");
    }

    /// A page in a comment, and where a photograph was taken.
    #[test]
    fn what_is_noted_in_a_picture_is_not_kept() {
        let note = b"<script>alert(1)</script>!";
        let png = png_of(8, 8);
        let noted = [&png[..33], &chunk(b"tEXt", note), &png[33..]].concat();
        assert_eq!(Logo::read(noted).unwrap().bytes(), png);
        let jpeg = jpeg_of(8, 8);
        for kind in [0xfe, 0xe1] {
            let noted = [&jpeg[..2], &[0xff, kind, 0, 28], note, &jpeg[2..]].concat();
            assert_eq!(Logo::read(noted).unwrap().bytes(), jpeg);
        }
        let webp = webp_of(8, 8);
        let mut noted = [&webp[..], b"EXIF\x1a\0\0\0", note].concat();
        noted[4] += 34;
        assert_eq!(Logo::read(noted).unwrap().bytes(), webp);
    }

    #[test]
    fn a_picture_is_small_in_every_way() {
        assert_eq!(Logo::read(vec![0; Logo::LARGEST + 1]), Err(LogoError::TooLarge));
        assert_eq!(Logo::read(png_of(1025, 8)), Err(LogoError::TooWide));
        assert_eq!(Logo::read(png_of(u32::MAX, u32::MAX)), Err(LogoError::TooWide), "a bomb");
        assert_eq!(Logo::read(jpeg_of(8, 2000)), Err(LogoError::TooWide));
        assert_eq!(Logo::read(png_of(0, 8)), Err(LogoError::Damaged));
        let mut long = png_of(8, 8);
        long[33..37].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(Logo::read(long), Err(LogoError::Damaged), "a chunk that is longer than the file");
    }
}
