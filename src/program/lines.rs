//! Lines of a stream, each of bounded length.

use bytes::{Bytes, BytesMut};

/// The longest line that is a message.
const LONGEST: usize = 8 << 20;
/// As much is read at once.
const ROOM: usize = 16 << 10;

/// What has arrived and is not a whole line yet.
#[derive(Default)]
pub(super) struct Lines {
    waiting: BytesMut,
    /// Up to here there is no end of a line.
    searched: usize,
}

impl Lines {
    /// Where to read to.
    pub(super) fn room(&mut self) -> &mut BytesMut {
        self.waiting.reserve(ROOM);
        &mut self.waiting
    }

    /// The next whole line without its end. Empty ones are none.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        loop {
            let Some(at) = self.waiting[self.searched..].iter().position(|byte| *byte == b'\n') else {
                self.searched = self.waiting.len();
                return None;
            };
            let mut line = self.waiting.split_to(self.searched + at + 1);
            self.searched = 0;
            line.truncate(line.len() - 1);
            if line.last() == Some(&b'\r') {
                line.truncate(line.len() - 1);
            }
            if !line.is_empty() {
                return Some(line.freeze());
            }
        }
    }

    /// The next line or part of one, which is never longer than that.
    pub(super) fn next_within(&mut self, longest: usize) -> Option<Bytes> {
        if let Some(mut line) = self.next() {
            line.truncate(longest);
            return Some(line);
        }
        if self.waiting.len() < longest {
            return None;
        }
        self.searched = 0;
        let mut part = self.waiting.split().freeze();
        part.truncate(longest);
        Some(part)
    }

    /// True when what waits is longer than any message.
    pub(super) fn is_too_long(&self) -> bool {
        self.waiting.len() > LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &mut Lines, text: &str) -> Vec<String> {
        lines.room().extend_from_slice(text.as_bytes());
        std::iter::from_fn(|| lines.next()).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect()
    }

    #[test]
    fn lines_are_read_however_they_arrive() {
        let mut lines = Lines::default();
        assert_eq!(said(&mut lines, "one\ntwo\r\n\n\r\nthr"), ["one", "two"]);
        assert_eq!(said(&mut lines, "ee"), [""; 0]);
        assert_eq!(said(&mut lines, "\nfour\n"), ["three", "four"]);
    }

    #[test]
    fn a_line_without_end_is_cut_in_the_log_and_given_up_as_a_message() {
        let mut lines = Lines::default();
        lines.room().extend_from_slice(&[b'x'; 30]);
        assert_eq!(lines.next_within(10).unwrap().len(), 10, "the rest of it is nobody's loss");
        assert!(lines.next_within(10).is_none() && !lines.is_too_long());
        lines.room().extend_from_slice(&vec![b'x'; LONGEST + 1]);
        assert!(lines.next().is_none() && lines.is_too_long());
    }
}
