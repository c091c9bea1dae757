//! What may be wrong with a chunk.

/// Why a chunk cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// The byte before its data names no encoding.
    #[error("invalid chunk encoding \"<unknown>\"")]
    Encoding(u8),
    /// It ends before its last sample does.
    #[error("the chunk ends within a sample")]
    Short,
    /// It does not hold what it should.
    #[error("{0}")]
    Malformed(&'static str),
    /// Its histograms have a schema that nobody defined.
    #[error(
        "histogram has an unknown schema, which must be between -9 and 52 for exponential buckets, or -53 for custom buckets, got schema {0}"
    )]
    Schema(i64),
}
