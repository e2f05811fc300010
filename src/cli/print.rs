//! Server answers on a console: the JSON as it came, or a table for people.

use std::fmt::Display;
use std::io;

use serde_json::Value;

use super::console::Console;
use super::remote::Remote;
use super::table::{self, Column};
use crate::api::Page;
use crate::client::api::Answer;

/// The way of showing answers that was asked for, on one console.
pub(super) struct Printer<'a> {
    console: &'a mut Console,
    json: bool,
}

impl<'a> Printer<'a> {
    /// Shows answers as the flags say.
    pub(super) fn new(console: &'a mut Console, remote: &Remote) -> Self {
        Self { console, json: remote.json }
    }

    /// Shows a list, and how to get its next page.
    pub(super) fn list<T>(
        &mut self,
        answer: &Answer<Page<T>>,
        columns: &[Column<T>],
    ) -> io::Result<()> {
        if self.json {
            return self.console.json(&answer.json);
        }
        let Page { items, next } = &answer.value;
        self.console.line(table::rows(items, columns))?;
        if let Some(next) = next {
            self.console.note(format_args!("there is more: --cursor {next}"));
        }
        Ok(())
    }

    /// Shows one thing, all its fields: those too that only a newer version knows.
    pub(super) fn one<T>(&mut self, answer: &Answer<T>) -> io::Result<()> {
        self.part(answer, &answer.json)
    }

    /// Shows one thing that is a part of an answer.
    pub(super) fn part<T>(&mut self, answer: &Answer<T>, part: &Value) -> io::Result<()> {
        match self.json {
            true => self.console.json(&answer.json),
            false => self.console.line(table::fields(part)),
        }
    }

    /// Says that something was done.
    pub(super) fn done(&mut self, answer: &Value, said: impl Display) -> io::Result<()> {
        if self.json { self.console.json(answer) } else { self.console.line(said) }
    }

    /// Shows rows that were put together from an answer.
    pub(super) fn rows<T>(&mut self, answer: &Answer<T>, rows: &[Vec<String>]) -> io::Result<()> {
        match self.json {
            true => self.console.json(&answer.json),
            false => self.console.line(table::aligned(rows)),
        }
    }

    /// Adds a remark for people only.
    pub(super) fn hint(&mut self, text: impl Display) {
        if !self.json {
            self.console.note(text);
        }
    }
}
