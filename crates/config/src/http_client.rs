//! How targets are spoken to.

/// The settings of an HTTP client that a job carries inline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpClientConfig {
    /// Whether 3xx answers are followed (at most ten); else they are the answer.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be negotiated over TLS.
    pub enable_http2: bool,
}

impl Default for HttpClientConfig {
    fn default() -> HttpClientConfig {
        HttpClientConfig { follow_redirects: true, enable_http2: true }
    }
}
