//! `storage`.

use narthex_model::quote::quote;
use narthex_yaml::{Abort, Decode, Decoder, Node};

use super::scalars::{ByteSize, Millis};
use super::{decode_field, refuse_unsupported};
use crate::{ExemplarsConfig, StorageConfig, TsdbConfig, TsdbRetentionConfig};

/// The `storage` block as written.
#[derive(Default)]
pub(crate) struct Storage {
    tsdb: Option<Tsdb>,
    exemplars: Option<Exemplars>,
}

impl Decode for Storage {
    fn type_name() -> String {
        "config.StorageConfig".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        decoder.structure(node, "config.StorageConfig", &mut |decoder, field| {
            Ok(decode_field!(decoder, field; "tsdb" => self.tsdb, "exemplars" => self.exemplars))
        })
    }
}

impl Storage {
    pub(crate) fn resolve(self) -> StorageConfig {
        StorageConfig {
            tsdb: self.tsdb.map(Tsdb::resolve).unwrap_or_default(),
            exemplars: self.exemplars.map(|exemplars| ExemplarsConfig { max_exemplars: exemplars.max_exemplars }),
        }
    }
}

#[derive(Default)]
struct Tsdb {
    out_of_order_time_window: Millis,
    stale_series_compaction_threshold: f64,
    chunk_encoding: ChunkEncoding,
    retention: Option<Retention>,
}

impl Decode for Tsdb {
    fn type_name() -> String {
        "config.TSDBConfig".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mark = decoder.mark();
        // Upstream's internal field has no name of its own in YAML, so it is a key
        // too, which is shown and read and then overwritten.
        let mut out_of_order_time_window_ms: i64 = 0;
        decoder.structure(node, "config.plain", &mut |decoder, field| {
            Ok(decode_field!(decoder, field;
                "outofordertimewindow" => out_of_order_time_window_ms,
                "out_of_order_time_window" => self.out_of_order_time_window,
                "stale_series_compaction_threshold" => self.stale_series_compaction_threshold,
                "chunk_encoding" => self.chunk_encoding,
                "retention" => self.retention,
            ))
        })?;
        Ok(!decoder.failed_since(mark))
    }
}

impl Tsdb {
    fn resolve(self) -> TsdbConfig {
        TsdbConfig {
            out_of_order_time_window_ms: self.out_of_order_time_window.0,
            stale_series_compaction_threshold: self.stale_series_compaction_threshold,
            retention: self.retention.map(|retention| TsdbRetentionConfig {
                time_ms: retention.time.0,
                size: retention.size.0,
                percentage: retention.percentage,
            }),
        }
    }
}

/// The encoding of new chunks: known, but this build has one only.
#[derive(Default)]
struct ChunkEncoding {
    floats: String,
}

impl Decode for ChunkEncoding {
    fn type_name() -> String {
        "config.TSDBChunkEncodingConfig".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        decoder.structure(node, "config.TSDBChunkEncodingConfig", &mut |decoder, field| {
            let is_known = decode_field!(decoder, field; "floats" => self.floats);
            match self.floats.as_str() {
                "" | "xor" => Ok(is_known),
                "xor2" => refuse_unsupported(decoder, field).map(|()| is_known),
                other => Err(Abort(format!(
                    "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', got {}",
                    quote(other)
                ))),
            }
        })
    }
}

#[derive(Default)]
struct Retention {
    time: Millis,
    size: ByteSize,
    percentage: f64,
}

impl Decode for Retention {
    fn type_name() -> String {
        "config.TSDBRetentionConfig".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mark = decoder.mark();
        decoder.structure(node, "config.plain", &mut |decoder, field| {
            Ok(decode_field!(decoder, field;
                "time" => self.time,
                "size" => self.size,
                "percentage" => self.percentage,
            ))
        })?;
        if decoder.failed_since(mark) {
            return Ok(false);
        }
        if self.size.0 < 0 {
            return Err(Abort(format!(
                "'storage.tsdb.retention.size' must be greater than or equal to 0, got {}",
                narthex_model::size::format_size(self.size.0)
            )));
        }
        if !(0.0..=100.0).contains(&self.percentage) {
            return Err(Abort(format!(
                "'storage.tsdb.retention.percentage' must be in the range [0, 100], got {}",
                self.percentage
            )));
        }
        Ok(true)
    }
}

#[derive(Default)]
struct Exemplars {
    max_exemplars: i64,
}

impl Decode for Exemplars {
    fn type_name() -> String {
        "config.ExemplarsConfig".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        decoder.structure(node, "config.ExemplarsConfig", &mut |decoder, field| {
            Ok(decode_field!(decoder, field; "max_exemplars" => self.max_exemplars))
        })
    }
}
