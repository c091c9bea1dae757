//! What a script does, step by step.

use narthex_promql_syntax::series::SeriesDescription;

use super::expectation::Expectations;

/// A command and the line it stands on, from 1.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) line: usize,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    Load(Load),
    Clear,
    Eval(Eval),
}

/// Series to be stored.
#[derive(Debug)]
pub(super) struct Load {
    /// Distance of the points, the first of which is at time 0.
    pub(super) interval_ms: i64,
    pub(super) series: Vec<LoadedSeries>,
    /// Whether classic histograms are stored as histograms with custom buckets, too.
    pub(super) with_nhcb: bool,
}

#[derive(Debug)]
pub(super) struct LoadedSeries {
    pub(super) description: SeriesDescription,
    /// Start timestamps relative to those of the points; none, or one for each point.
    pub(super) starts_ms: Vec<Option<i64>>,
}

/// A query and what it must give.
#[derive(Debug)]
pub(super) struct Eval {
    pub(super) times: EvalTimes,
    pub(super) query: String,
    pub(super) expectations: Expectations,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EvalTimes {
    Instant { time_ms: i64 },
    Range(StepTimes),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepTimes {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) step_ms: i64,
}
