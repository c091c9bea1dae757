//! What an endpoint answers, before it is put into an HTTP response.

use std::io::{self, Write};

use http::StatusCode;

use crate::json;

/// The most warnings and the most infos that an answer lists.
const NOTES_MAX: usize = 10;

/// Writes an answer's data, piece by piece, on a thread that may block.
pub type WriteData = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// An endpoint's answer.
pub enum Reply {
    /// Data in the API's envelope; small enough to be made at once.
    Data(Data),
    /// Data in the API's envelope that is written while it is sent.
    Stream {
        /// Writes the value of `data`.
        write: WriteData,
        /// What comes behind it.
        notes: Notes,
    },
    /// Success without anything to say: 204.
    NoContent,
    /// Something outside the envelope.
    Plain {
        /// The status code.
        status: StatusCode,
        /// The media type.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
}

/// The value of `data` as JSON, and what comes behind it.
pub struct Data {
    /// JSON.
    pub json: Vec<u8>,
    /// Warnings and infos.
    pub notes: Notes,
}

/// What should be told although the request succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Warnings.
    pub warnings: Vec<String>,
    /// Remarks.
    pub infos: Vec<String>,
}

impl Reply {
    /// Data made with the functions of [`json`].
    pub fn data(push: impl FnOnce(&mut Vec<u8>)) -> Reply {
        let mut out = Vec::with_capacity(1024);
        push(&mut out);
        Reply::Data(Data { json: out, notes: Notes::default() })
    }

    /// Data given as a JSON value.
    pub fn value(value: &serde_json::Value) -> Reply {
        Reply::data(|out| json::push_value(out, value))
    }

    /// A text that is not JSON.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Reply {
        Reply::Plain { status, content_type: "text/plain; charset=utf-8".into(), body: text.into().into_bytes() }
    }

    /// The same with warnings.
    #[must_use]
    pub fn with_warnings(mut self, more: impl IntoIterator<Item = String>) -> Reply {
        if let Reply::Data(Data { notes, .. }) | Reply::Stream { notes, .. } = &mut self {
            notes.warnings.extend(more);
        }
        self
    }
}

/// What stands before the data.
pub(crate) const HEAD: &[u8] = b"{\"status\":\"success\",\"data\":";

/// What stands behind the data.
pub(crate) fn tail(notes: &Notes) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind, list) in [("warnings", "warning", &notes.warnings), ("infos", "info", &notes.infos)] {
        if list.is_empty() {
            continue;
        }
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        let omitted = list.len().saturating_sub(NOTES_MAX);
        let more = (omitted > 0).then(|| format!("{omitted} more {kind} annotations omitted"));
        let shown = list.iter().take(NOTES_MAX).map(String::as_str).chain(more.as_deref());
        json::push_list(&mut out, shown, json::push_text);
    }
    out.push(b'}');
    out
}

/// An error in the API's envelope.
pub(crate) fn error_json(error: &crate::ApiError) -> Vec<u8> {
    let mut out = format!("{{\"status\":\"error\",\"errorType\":\"{}\",\"error\":", error.kind.as_str()).into_bytes();
    json::push_text(&mut out, &error.message);
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_ten_notes_of_a_kind_are_listed() {
        let notes = Notes { warnings: (0..12).map(|i| i.to_string()).collect(), infos: vec!["<".into()] };
        let text = String::from_utf8(tail(&notes)).unwrap();
        assert!(text.contains(r#""9","2 more warning annotations omitted"],"infos":["\u003c"]}"#), "{text}");
        assert_eq!(tail(&Notes::default()), b"}");
    }
}
