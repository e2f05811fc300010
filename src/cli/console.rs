//! Output: results to standard output, remarks and errors to standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

/// The two streams a command writes to.
pub(super) struct Console {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
}

impl Console {
    /// The process's own streams.
    pub(super) fn standard() -> Self {
        Self { out: Box::new(io::stdout()), err: Box::new(io::stderr()) }
    }

    /// Writes a line of results, at once: whoever reads a pipe waits for it.
    pub(super) fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// Writes bytes of results as they are.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Writes a server's answer: indented JSON, in the order in which its fields came.
    pub(super) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        // The answer to a removal has no body.
        if text == "null" { Ok(()) } else { self.line(text) }
    }

    /// Writes a remark beside the results. Lost if standard error is closed.
    pub(super) fn note(&mut self, text: impl Display) {
        let _ = writeln!(self.err, "{text}");
    }

    /// Writes why something could not be done, in one line.
    pub(super) fn error(&mut self, error: &impl Display) {
        let text = error.to_string();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.note(format_args!("waypost: {line}"));
    }
}

/// Reads all of standard input. A person who sees nothing happen is told what is awaited.
pub(super) fn stdin(what: &str, console: &mut Console) -> anyhow::Result<Vec<u8>> {
    let mut input = io::stdin();
    if input.is_terminal() {
        console.note(format_args!("reading {what} from standard input; end with Ctrl-D"));
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut input, &mut bytes)?;
    Ok(bytes)
}
