//! Why a request has no data.

use std::fmt;

use http::StatusCode;
use narthex_model::quote::quote;
use narthex_promql::{ErrorKind, QueryError};
use narthex_storage::StorageError;

/// What sort of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    BadData,
    Execution,
    Canceled,
    Timeout,
    Internal,
    Unavailable,
}

impl Kind {
    /// The name in the answer.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::BadData => "bad_data",
            Kind::Execution => "execution",
            Kind::Canceled => "canceled",
            Kind::Timeout => "timeout",
            Kind::Internal => "internal",
            Kind::Unavailable => "unavailable",
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Kind::BadData => StatusCode::BAD_REQUEST,
            Kind::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Canceled => StatusCode::from_u16(499).expect("499 is a status code"),
            Kind::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            // Upstream says 500 for what is unavailable, too.
            Kind::Internal | Kind::Unavailable => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Why a request has no data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl ApiError {
    pub(crate) fn new(kind: Kind, text: impl fmt::Display) -> ApiError {
        ApiError { kind, text: text.to_string() }
    }

    pub(crate) fn bad_data(text: impl fmt::Display) -> ApiError {
        ApiError::new(Kind::BadData, text)
    }

    /// A parameter that is not what it should be.
    pub(crate) fn parameter(name: &str, text: impl fmt::Display) -> ApiError {
        ApiError::bad_data(format_args!("invalid parameter {}: {text}", quote(name)))
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> ApiError {
        let kind = match error.kind() {
            // Refused before it ran: the parameter is wrong.
            ErrorKind::BadData => return ApiError::parameter("query", error),
            ErrorKind::Execution => Kind::Execution,
            ErrorKind::Timeout => Kind::Timeout,
            ErrorKind::Canceled => Kind::Canceled,
        };
        ApiError::new(kind, error)
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> ApiError {
        let kind = match error {
            StorageError::NotReady => Kind::Unavailable,
            _ => Kind::Execution,
        };
        ApiError::new(kind, error)
    }
}
