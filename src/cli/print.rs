//! How a server's answer is shown: its JSON as it came, or a table for people.

use std::fmt::Display;
use std::io;

use serde_json::Value;

use super::console::Console;
use super::remote::Remote;
use super::table::{self, Column};

/// Shows answers on a console, in the way that was asked for.
pub(super) struct Printer<'a> {
    console: &'a mut Console,
    json: bool,
}

impl<'a> Printer<'a> {
    /// Shows answers as the flags say.
    pub(super) fn new(console: &'a mut Console, remote: &Remote) -> Self {
        Self { console, json: remote.json }
    }

    /// Shows a list that stands at `place` in the answer, and how to get the next page.
    pub(super) fn list(
        &mut self,
        answer: &Value,
        place: &str,
        columns: &[Column],
    ) -> io::Result<()> {
        if self.json {
            return self.console.json(answer);
        }
        let items = answer.pointer(place).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        self.console.line(table::rows(items, columns))?;
        if let Some(next) = answer.get("next").and_then(Value::as_str) {
            self.console.note(format_args!("there is more: --cursor {next}"));
        }
        Ok(())
    }

    /// Shows one thing, all its fields.
    pub(super) fn one(&mut self, thing: &Value) -> io::Result<()> {
        if self.json { self.console.json(thing) } else { self.console.line(table::fields(thing)) }
    }

    /// Says that something was done.
    pub(super) fn done(&mut self, answer: &Value, said: impl Display) -> io::Result<()> {
        if self.json { self.console.json(answer) } else { self.console.line(said) }
    }

    /// Shows rows that were put together from the answer.
    pub(super) fn rows(&mut self, answer: &Value, rows: &[Vec<String>]) -> io::Result<()> {
        if self.json { self.console.json(answer) } else { self.console.line(table::aligned(rows)) }
    }

    /// A remark for people only.
    pub(super) fn hint(&mut self, text: impl Display) {
        if !self.json {
            self.console.note(text);
        }
    }
}
