//! Blocks for tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use narthex_chunkenc::{CutRules, EncodedChunk, FloatEncoding, Sample, SampleValue, SeriesEncoder};
use narthex_env::{Files, SimFiles};
use narthex_model::Labels;
use narthex_storage::{Querier, SelectHints, SeriesColumns};

use crate::*;

pub(crate) fn sim() -> Arc<dyn Files> {
    let files = SimFiles::new(1);
    files.create_dir_all(Path::new("/data")).unwrap();
    Arc::new(files)
}

pub(crate) fn data() -> PathBuf {
    PathBuf::from("/data")
}

pub(crate) fn ulid(number: u64) -> Ulid {
    Ulid::new(1_700_000_000_000 + number as i64, &narthex_env::Random::from_seed(number))
}

pub(crate) fn encode(samples: &[(i64, f64)]) -> Vec<EncodedChunk> {
    let mut encoder = SeriesEncoder::new(CutRules::merged(FloatEncoding::Xor));
    for &(timestamp_ms, value) in samples {
        encoder.push(&Sample { timestamp_ms, start_timestamp_ms: 0, value: SampleValue::Float(value) });
    }
    encoder.finish()
}

/// One series and its samples.
pub(crate) type TestSeries = (Labels, Vec<(i64, f64)>);

/// Writes and opens a block over all samples given.
pub(crate) fn block(files: &Arc<dyn Files>, dir: &Path, ulid: Ulid, series: &[TestSeries]) -> Arc<Block> {
    let times = || series.iter().flat_map(|series| series.1.iter().map(|sample| sample.0));
    let meta = Meta::new(ulid, times().min().unwrap(), times().max().unwrap() + 1);
    write(files, dir, meta, series).unwrap();
    open(files, dir, ulid)
}

pub(crate) fn write(
    files: &Arc<dyn Files>,
    dir: &Path,
    meta: Meta,
    series: &[TestSeries],
) -> Result<Option<Meta>, BlockError> {
    let mut series = series.to_vec();
    series.sort_by(|a, b| a.0.cmp(&b.0));
    let table = SymbolTable::of(series.iter().map(|series| &series.0));
    let mut writer = BlockWriter::create(files, dir, meta)?;
    writer.add_symbols(&table)?;
    for (labels, samples) in &series {
        let chunks = encode(samples);
        let chunks: Vec<ChunkData<'_>> = chunks.iter().map(ChunkData::from).collect();
        writer.add_series(&table.pairs(labels).unwrap(), &chunks)?;
    }
    writer.finish()
}

pub(crate) fn open(files: &Arc<dyn Files>, dir: &Path, ulid: Ulid) -> Arc<Block> {
    Arc::new(Block::open(files, &dir.join(ulid.to_string()), &PageCache::new(1 << 20)).unwrap())
}

/// Everything that a querier finds, with values as bits.
pub(crate) fn everything(querier: &dyn Querier, matchers: &[narthex_model::Matcher]) -> Vec<(Labels, Vec<(i64, u64)>)> {
    let set = querier.select(&SelectHints::default(), matchers).unwrap();
    let series = (0..set.len()).map(|index| {
        let mut columns = SeriesColumns::default();
        set.read(index, &mut columns).unwrap();
        let floats = columns.floats;
        let samples = floats.timestamps.iter().copied().zip(floats.values.iter().map(|v| v.to_bits()));
        (set.labels(index), samples.collect())
    });
    series.collect()
}
