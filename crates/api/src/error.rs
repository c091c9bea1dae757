//! Failures as the API tells them.

use http::StatusCode;
use narthex_promql::{QueryError, api};
use narthex_storage::StorageError;

/// What sort of failure it is: decides `errorType` and the status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request makes no sense.
    BadData,
    /// It cannot be carried out on these data.
    Execution,
    /// The client went away.
    Canceled,
    /// It took too long.
    Timeout,
    /// Our fault.
    Internal,
    /// Not now, or not in this mode. Answers 500, as upstream does.
    Unavailable,
    /// There is no such thing.
    NotFound,
}

impl ErrorKind {
    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::BadData => "bad_data",
            ErrorKind::Execution => "execution",
            ErrorKind::Canceled => "canceled",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Internal => "internal",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::NotFound => "not_found",
        }
    }

    /// The status code.
    pub fn status(self) -> StatusCode {
        match self {
            ErrorKind::BadData => StatusCode::BAD_REQUEST,
            ErrorKind::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            // nginx' "client closed request"; the client sees it only through a proxy.
            ErrorKind::Canceled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            ErrorKind::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Internal | ErrorKind::Unavailable => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
        }
    }
}

/// A failure: what sort, and upstream's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What sort.
    pub kind: ErrorKind,
    /// The text.
    pub message: String,
}

impl ApiError {
    /// A request that makes no sense.
    pub fn bad_data(message: impl ToString) -> ApiError {
        ApiError { kind: ErrorKind::BadData, message: message.to_string() }
    }

    /// A parameter that makes no sense.
    pub fn param(name: &str, why: impl std::fmt::Display) -> ApiError {
        ApiError::bad_data(format_args!("invalid parameter {}: {why}", narthex_model::quote::quote(name)))
    }

    /// Something of ours broke.
    pub fn internal(message: impl ToString) -> ApiError {
        ApiError { kind: ErrorKind::Internal, message: message.to_string() }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> ApiError {
        match error.kind() {
            api::ErrorKind::BadData => ApiError::param("query", error),
            api::ErrorKind::Execution => ApiError { kind: ErrorKind::Execution, message: error.to_string() },
            api::ErrorKind::Timeout => ApiError { kind: ErrorKind::Timeout, message: error.to_string() },
            api::ErrorKind::Canceled => ApiError { kind: ErrorKind::Canceled, message: error.to_string() },
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> ApiError {
        let kind = match error {
            StorageError::NotReady | StorageError::Closed => ErrorKind::Unavailable,
            _ => ErrorKind::Execution,
        };
        ApiError { kind, message: error.to_string() }
    }
}
