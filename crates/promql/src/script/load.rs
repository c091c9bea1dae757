//! Puts the series of a `load` into the data set.

use narthex_model::Labels;
use narthex_promql_syntax::series::Point;

use super::classic;
use super::command::Load;
use super::store::{MemoryStorage, Sample};

/// Adds what `load` says to what is there.
pub(super) fn load(load: &Load, storage: &mut MemoryStorage) -> Result<(), String> {
    for series in &load.series {
        let labels = &series.description.labels;
        for (index, point) in series.description.points.iter().enumerate() {
            let timestamp_ms = timestamp(load, index)?;
            let start_ms = match series.starts_ms.get(index) {
                Some(Some(relative_ms)) => timestamp_ms.saturating_add(*relative_ms),
                _ => 0,
            };
            let sample = match point {
                Point::Absent => continue,
                Point::Float(value) => Sample::Float(*value),
                Point::Histogram { histogram, .. } => Sample::Histogram(histogram.clone()),
            };
            storage.add(labels, timestamp_ms, start_ms, sample);
        }
    }
    if load.with_nhcb {
        add_classic_histograms(load, storage)?;
    }
    Ok(())
}

fn timestamp(load: &Load, index: usize) -> Result<i64, String> {
    let index = i64::try_from(index).ok();
    index
        .and_then(|index| index.checked_mul(load.interval_ms))
        .ok_or_else(|| "the points reach beyond the end of time".to_owned())
}

fn add_classic_histograms(load: &Load, storage: &mut MemoryStorage) -> Result<(), String> {
    let mut histograms = classic::Histograms::default();
    for series in &load.series {
        let Some(part) = classic::Part::of(&series.description.labels) else { continue };
        for (index, point) in series.description.points.iter().enumerate() {
            if let Point::Float(value) = point {
                histograms.add(&part, timestamp(load, index)?, *value);
            }
        }
    }
    histograms.convert(|labels: &Labels, timestamp_ms, histogram| {
        storage.add(labels, timestamp_ms, 0, Sample::Histogram(histogram));
    })
}
