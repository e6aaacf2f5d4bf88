//! Server-sent events on their way to a caller (HTML Standard, "Server-sent events"): one by one, where they have to be looked into.

use bytes::{Bytes, BytesMut};

/// The largest event that is looked into.
pub(super) const LARGEST: usize = 8 << 20;

/// Bytes of a stream that are not yet a whole event.
#[derive(Debug, Default)]
pub(super) struct Events {
    waiting: BytesMut,
    /// Up to here there is no end of an event.
    searched: usize,
}

/// An event that is too large to be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl Events {
    /// Takes what arrived.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), TooLarge> {
        self.waiting.extend_from_slice(chunk);
        match self.waiting.len() > LARGEST && self.end().is_none() {
            true => Err(TooLarge),
            false => Ok(()),
        }
    }

    /// The next whole event, with the empty line that ends it.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        let end = self.end()?;
        self.searched = 0;
        Some(self.waiting.split_to(end).freeze())
    }

    /// The place behind the first empty line. A line ends with CR, LF or both.
    fn end(&mut self) -> Option<usize> {
        let bytes = &self.waiting[..];
        let mut at = self.searched;
        while let Some(found) = bytes[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let first = at + found;
            let after = first + line_end(&bytes[first..])?;
            match line_end(&bytes[after..]) {
                Some(length) if length > 0 => return Some(after + length),
                Some(_) => at = after,
                None => {
                    self.searched = first;
                    return None;
                }
            }
        }
        self.searched = bytes.len();
        None
    }
}

/// How long the end of a line is that stands here: nothing if there is none, and `None` where that cannot be told yet.
fn line_end(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\r', b'\n', ..] => Some(2),
        [b'\r'] | [] => None,
        [b'\r' | b'\n', ..] => Some(1),
        _ => Some(0),
    }
}

/// The data of an event: its `data` lines, joined. Nothing where it has none.
pub(super) fn data(event: &[u8]) -> Option<Vec<u8>> {
    let mut data: Option<Vec<u8>> = None;
    for line in lines(event) {
        let value = match line.strip_prefix(b"data") {
            Some([]) => &[][..],
            Some([b':', b' ', value @ ..] | [b':', value @ ..]) => value,
            _ => continue,
        };
        match &mut data {
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            None => data = Some(value.to_vec()),
        }
    }
    data
}

/// The type of an event; nothing where it has none.
pub(super) fn name(event: &[u8]) -> Option<Vec<u8>> {
    let value = lines(event).filter_map(|line| line.strip_prefix(b"event:")).next_back()?;
    Some(value.strip_prefix(b" ").unwrap_or(value).to_vec())
}

/// A message as an event.
pub(in crate::mcp) fn of_message(message: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(message.len() + 24);
    event.extend_from_slice(b"event: message\n");
    for line in lines(message) {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    event.push(b'\n');
    event.into()
}

/// The same event with other data, which has no line ends.
pub(super) fn with_data(event: &[u8], data: &[u8]) -> Bytes {
    let mut changed = Vec::with_capacity(event.len());
    for line in lines(event).filter(|line| !line.is_empty() && !is_data(line)) {
        changed.extend_from_slice(line);
        changed.push(b'\n');
    }
    changed.extend_from_slice(b"data: ");
    changed.extend_from_slice(data);
    changed.extend_from_slice(b"\n\n");
    changed.into()
}

fn is_data(line: &[u8]) -> bool {
    matches!(line.strip_prefix(b"data"), Some([] | [b':', ..]))
}

fn lines(event: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    // Both ends of one line leave an empty line between them, which says nothing.
    event.split(|byte| matches!(byte, b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a text that arrives in pieces of that size.
    fn events(text: &str, piece: usize) -> Vec<String> {
        let mut events = Events::default();
        let mut all = Vec::new();
        for chunk in text.as_bytes().chunks(piece) {
            events.push(chunk).unwrap();
            while let Some(event) = events.next() {
                all.push(String::from_utf8(event.to_vec()).unwrap());
            }
        }
        all
    }

    #[test]
    fn events_end_with_an_empty_line_however_it_is_written_and_however_it_arrives() {
        for text in [
            "data: a\n\ndata: b\n\n: c\n\nx",
            "data: a\r\n\r\nid: 7\r\ndata: b\r\n\r\n: c\r\n\r\nx",
            "data: a\r\rdata: b\r\r: c\r\rx",
        ] {
            for piece in 1..text.len() {
                let found = events(text, piece);
                assert_eq!(found.len(), 3, "{text:?} by {piece}: {found:?}");
                assert_eq!(found.concat() + "x", text);
            }
        }
    }

    #[test]
    fn data_is_read_and_written_and_the_rest_of_an_event_stays() {
        for (event, expected) in [
            ("data: a\n\n", Some("a")),
            ("data:a\ndata: b\n\n", Some("a\nb")),
            ("event: message\r\nid: 7\r\ndata: {}\r\n\r\n", Some("{}")),
            ("data\n\n", Some("")),
            (": comment\n\n", None),
            ("database: x\n\n", None),
        ] {
            assert_eq!(data(event.as_bytes()).as_deref(), expected.map(str::as_bytes), "{event:?}");
        }
        let changed = with_data(b"event: message\r\nid: 7\r\ndata: {}\r\ndata: []\r\n\r\n", b"[1]");
        assert_eq!(&changed[..], b"event: message\nid: 7\ndata: [1]\n\n");
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let mut events = Events::default();
        let chunk = vec![b'a'; LARGEST / 2];
        assert_eq!(events.push(&chunk), Ok(()));
        assert_eq!(events.push(&chunk), Ok(()));
        assert_eq!(events.push(b"a"), Err(TooLarge));
    }
}
