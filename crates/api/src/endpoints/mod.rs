//! The endpoints, one file per family.

pub(crate) mod admin;
pub(crate) mod exemplars;
pub(crate) mod labels;
pub(crate) mod metadata;
pub(crate) mod notifications;
pub(crate) mod query;
pub(crate) mod rules;
pub(crate) mod self_metrics;
pub(crate) mod series;
pub(crate) mod status;
pub(crate) mod syntax;
pub(crate) mod targets;
