//! Who is told about queries: [`QueryObserver`].

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::api::{QueryError, Request, Stats};

/// Is told about queries, on the threads that run them, so it must not dawdle.
/// Queries that cannot be parsed or planned are not told about.
pub trait QueryObserver: fmt::Debug + Send + Sync {
    /// A query got its turn and begins. What is returned comes back in
    /// [`gone`](QueryObserver::gone).
    fn began(&self, _request: &Request) -> usize {
        0
    }

    /// The query that began with this ticket runs no more, however it ended.
    fn gone(&self, _ticket: usize) {}

    /// A query has an answer or an error; that of one which never got its turn
    /// included.
    ///
    /// # Errors
    /// When it could not be written down. The engine counts that.
    fn ended(&self, _report: &QueryReport<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// What became of a query.
#[derive(Clone, Copy, Debug)]
pub struct QueryReport<'a> {
    /// The query.
    pub request: &'a Request,
    /// Why it has no result, when it has none.
    pub error: Option<&'a QueryError>,
    /// What it cost, as far as it came.
    pub stats: &'a Stats,
}

/// A query that observers know to run; they are told when it is dropped.
pub(crate) struct Running<'a>(Vec<(&'a dyn QueryObserver, usize)>);

impl<'a> Running<'a> {
    pub(crate) fn new(observers: &'a [Arc<dyn QueryObserver>], request: &Request) -> Running<'a> {
        Running(observers.iter().map(|observer| (&**observer, observer.began(request))).collect())
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        for (observer, ticket) in &self.0 {
            observer.gone(*ticket);
        }
    }
}
