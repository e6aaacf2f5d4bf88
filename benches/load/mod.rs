//! What every benchmark needs of its connections and numbers.

use std::{env, fs};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Reads one answer, which must be a 200 that says its length: how many bytes of the buffer it fills.
pub async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let (mut filled, mut expected) = (0, None);
    while expected.is_none_or(|expected| filled < expected) {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server hung up");
        filled += read;
        expected = expected.or_else(|| length(&buffer[..filled]));
    }
    assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..filled]));
    filled
}

/// Head and body together, once the head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).unwrap();
    let value = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    };
    Some(head + text.lines().find_map(value).expect("a length"))
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What the numbers were measured on.
pub fn machine() -> String {
    // All of them, also where this process is held to one.
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.trim().split('.').take(2).collect::<Vec<_>>().join(".");
    format!("{cores} cores, {} {kernel}", env::consts::OS)
}
