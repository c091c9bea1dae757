//! `status/…`, `features`.

use crate::context::{Context, Success, parse_int};
use crate::error::{ApiError, Kind};
use crate::json::Json;
use crate::status::{BuildInfo, NamedCount};
use crate::time::format_utc;

/// How many entries the lists of `status/tsdb` have, unless told otherwise.
const TSDB_LIMIT_DEFAULT: usize = 10;
const TSDB_LIMIT_MAX: i64 = 10_000;

pub(crate) fn config(context: &Context) -> Result<Success, ApiError> {
    let yaml = context.state.handles.status.config_yaml();
    Ok(Success::new(move |json| write_texts(json, &[("yaml", &yaml)])))
}

pub(crate) fn flags(context: &Context) -> Result<Success, ApiError> {
    let flags = context.state.handles.status.flags();
    Ok(Success::new(move |json| {
        let texts: Vec<(&str, &str)> = flags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        write_texts(json, &texts);
    }))
}

fn write_texts(json: &mut Json<'_>, texts: &[(&str, &str)]) {
    json.object(|json| {
        for (key, text) in texts {
            json.key(key);
            json.string(text);
        }
    });
}

pub(crate) fn build_info(context: &Context) -> Result<Success, ApiError> {
    let info = context.state.handles.status.build_info();
    Ok(Success::new(move |json| write_build_info(json, &info)))
}

pub(crate) fn write_build_info(json: &mut Json<'_>, info: &BuildInfo) {
    let BuildInfo { version, revision, branch, build_user, build_date, go_version } = info;
    write_texts(
        json,
        &[
            ("version", version),
            ("revision", revision),
            ("branch", branch),
            ("buildUser", build_user),
            ("buildDate", build_date),
            ("goVersion", go_version),
        ],
    );
}

pub(crate) fn runtime_info(context: &Context) -> Result<Success, ApiError> {
    let info = context.state.handles.status.runtime_info();
    let now_ns = context.state.handles.clock.now_ns();
    Ok(Success::new(move |json| {
        json.object(|json| {
            json.key("startTime");
            json.string(&format_utc(info.start_time_ns));
            json.key("CWD");
            json.string(&info.cwd);
            json.key("hostname");
            json.string(&info.hostname);
            json.key("serverTime");
            json.string(&format_utc(now_ns));
            json.key("reloadConfigSuccess");
            json.bool(info.reload_config_success);
            json.key("lastConfigTime");
            json.string(&format_utc(info.last_config_time_ns));
            json.key("corruptionCount");
            json.int(info.corruption_count);
            json.key("goroutineCount");
            json.int(info.goroutine_count);
            json.key("GOMAXPROCS");
            json.int(info.gomaxprocs);
            json.key("GOMEMLIMIT");
            json.int(info.gomemlimit);
            for (key, text) in
                [("GOGC", &info.gogc), ("GODEBUG", &info.godebug), ("storageRetention", &info.storage_retention)]
            {
                json.key(key);
                json.string(text);
            }
        });
    }))
}

pub(crate) fn tsdb(context: &Context) -> Result<Success, ApiError> {
    let limit = match context.params.get("limit") {
        "" => TSDB_LIMIT_DEFAULT,
        text => match parse_int(text) {
            Ok(limit) if limit > TSDB_LIMIT_MAX => {
                return Err(ApiError::bad_data(format_args!("limit must not exceed {TSDB_LIMIT_MAX}")));
            }
            Ok(limit @ 1..) => limit as usize,
            _ => return Err(ApiError::bad_data("limit must be a positive number")),
        },
    };
    let stats = context.state.handles.status.tsdb_stats(limit).map_err(|e| ApiError::new(Kind::Internal, e))?;
    Ok(Success::new(move |json| {
        json.object(|json| {
            json.key("headStats");
            json.object(|json| {
                for (key, count) in [
                    ("numSeries", stats.head.num_series),
                    ("numLabelPairs", stats.head.num_label_pairs),
                    ("chunkCount", stats.head.chunk_count),
                ] {
                    json.key(key);
                    json.int(count);
                }
                for (key, time_ms) in [("minTime", stats.head.min_time_ms), ("maxTime", stats.head.max_time_ms)] {
                    json.key(key);
                    json.int(time_ms);
                }
            });
            for (key, counts) in [
                ("seriesCountByMetricName", &stats.series_count_by_metric_name),
                ("labelValueCountByLabelName", &stats.label_value_count_by_label_name),
                ("memoryInBytesByLabelName", &stats.memory_in_bytes_by_label_name),
                ("seriesCountByLabelValuePair", &stats.series_count_by_label_value_pair),
            ] {
                json.key(key);
                json.array(|json| {
                    for NamedCount { name, value } in counts {
                        json.object(|json| {
                            json.key("name");
                            json.string(name);
                            json.key("value");
                            json.int(*value);
                        });
                    }
                });
            }
        });
    }))
}

pub(crate) fn blocks(context: &Context) -> Result<Success, ApiError> {
    let blocks = context.state.handles.status.blocks();
    Ok(Success::new(move |json| {
        json.object(|json| {
            json.key("blocks");
            json.array(|json| blocks.iter().for_each(|meta| json.raw(meta)));
        });
    }))
}

pub(crate) fn wal_replay(context: &Context) -> Result<Success, ApiError> {
    let replay = context.state.handles.status.wal_replay();
    Ok(Success::new(move |json| {
        json.object(|json| {
            for (key, segment) in [("min", replay.min), ("max", replay.max), ("current", replay.current)] {
                json.key(key);
                json.int(segment);
            }
        });
    }))
}

pub(crate) fn features(context: &Context) -> Result<Success, ApiError> {
    let features = context.state.handles.status.features();
    Ok(Success::new(move |json| {
        json.object(|json| {
            for (category, switches) in &features {
                json.key(category);
                json.object(|json| {
                    for (name, is_on) in switches {
                        json.key(name);
                        json.bool(*is_on);
                    }
                });
            }
        });
    }))
}
