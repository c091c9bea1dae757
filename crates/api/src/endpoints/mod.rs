//! The endpoints, one file per family.

pub(crate) mod labels;
pub(crate) mod metadata;
pub(crate) mod query;
pub(crate) mod series;
pub(crate) mod status;
pub(crate) mod syntax;
pub(crate) mod targets;
