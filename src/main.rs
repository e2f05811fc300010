//! `waypost`: the command line, from arguments to exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// The store allocates and frees all day in small pieces, from several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    waypost::cli::run(std::env::args_os().collect())
}
