//! The configuration file, as the arguments that it stands for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;

/// A file that cannot be read as configuration.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A file that cannot be read at all.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        cause: std::io::Error,
    },
    /// A file that is not TOML.
    #[error("{path}: {detail}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The parser's error, with its place.
        detail: String,
    },
    /// A key that is no flag's.
    #[error("{path}: unknown key `{key}`; `waypost serve --help` lists the keys, less the dashes")]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// A value is of a type that no flag takes.
    #[error("{path}: `{key}`: expected {expected}, found {found}")]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The values that may stand there, in words.
        expected: &'static str,
        /// The type that stands there, in words.
        found: &'static str,
    },
}

/// The arguments of `command` that a file adds to the command line and the environment.
///
/// `given` is what those two said.
pub fn file_arguments(
    path: &Path,
    command: &clap::Command,
    given: &clap::ArgMatches,
) -> Result<Vec<OsString>, FileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| FileError::Unreadable { path: path.to_owned(), cause })?;
    let table = text.parse::<toml::Table>().map_err(|error| malformed(path, &text, &error))?;
    let mut arguments = Vec::new();
    for (key, value) in &table {
        let flag = command
            .get_arguments()
            .find(|arg| arg.get_long() == Some(key) && !matches!(key.as_str(), "config" | "help"))
            .ok_or_else(|| FileError::UnknownKey { path: path.to_owned(), key: key.clone() })?;
        let is_switch = matches!(flag.get_action(), clap::ArgAction::SetTrue);
        let values = values(value, is_switch).map_err(|(expected, found)| {
            FileError::WrongType { path: path.to_owned(), key: key.clone(), expected, found }
        })?;
        let said = given.value_source(flag.get_id().as_str());
        if !matches!(said, Some(ValueSource::CommandLine | ValueSource::EnvVariable)) {
            arguments.extend(values.into_iter().map(|value| match value {
                Some(value) => format!("--{key}={value}").into(),
                None => format!("--{key}").into(),
            }));
        }
    }
    Ok(arguments)
}

/// The values of a key, one for each time its flag would be typed; `None` for a bare switch. Or
/// what was expected, and what was found.
fn values(
    value: &toml::Value,
    is_switch: bool,
) -> Result<Vec<Option<String>>, (&'static str, &'static str)> {
    match value {
        toml::Value::Boolean(on) if is_switch => Ok(if *on { vec![None] } else { Vec::new() }),
        other if is_switch => Err(("true or false", other.type_str())),
        toml::Value::String(text) => Ok(vec![Some(text.clone())]),
        toml::Value::Integer(number) => Ok(vec![Some(number.to_string())]),
        toml::Value::Array(items) => items
            .iter()
            .map(|item| match item {
                toml::Value::String(text) => Ok(Some(text.clone())),
                other => Err(("a list of strings", other.type_str())),
            })
            .collect(),
        other => Err(("a string, a number or a list of strings", other.type_str())),
    }
}

fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> FileError {
    let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
    let detail = format!("line {line}: {}", error.message());
    FileError::Malformed { path: path.to_owned(), detail }
}
