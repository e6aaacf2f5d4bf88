//! The `portcullis` program: parse arguments, hand over to [`portcullis::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    portcullis::cli::main()
}
