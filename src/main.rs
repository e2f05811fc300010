//! `waypost`: the command line, from arguments to exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    waypost::cli::run(std::env::args_os().collect())
}
