//! The formats and how they are named on the wire.

/// An exchange format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `text/plain; version=0.0.4`.
    Text004,
    /// `text/plain; version=1.0.0`: the grammar of 0.0.4; its `Accept` entry carries an escaping scheme.
    Text100,
    /// `application/openmetrics-text; version=0.0.1`.
    OpenMetrics001,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics100,
    /// `application/vnd.google.protobuf`: `MetricFamily` messages, each after its length. Written, not yet read.
    Protobuf,
}

impl Format {
    /// The media type as upstream writes it in an `Accept` header, version included, without escaping scheme.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Text004 => "text/plain;version=0.0.4",
            Format::Text100 => "text/plain;version=1.0.0",
            Format::OpenMetrics001 => "application/openmetrics-text;version=0.0.1",
            Format::OpenMetrics100 => "application/openmetrics-text;version=1.0.0",
            Format::Protobuf => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
        }
    }

    /// Whether this is one of the OpenMetrics versions.
    pub fn is_openmetrics(self) -> bool {
        matches!(self, Format::OpenMetrics001 | Format::OpenMetrics100)
    }
}
