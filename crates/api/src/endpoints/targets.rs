//! `targets`, `scrape_pools` and what is below them.

use std::collections::BTreeMap;

use narthex_model::duration::format_duration;
use narthex_model::quote::quote;
use narthex_model::{Labels, relabel};

use crate::context::{Context, Success};
use crate::error::ApiError;
use crate::json::Json;
use crate::options::Options;
use crate::status::ScrapePoolConfig;
use crate::targets::{ActiveTarget, DroppedTargets};
use crate::time::format_local;

pub(crate) fn targets(context: &Context) -> Result<Success, ApiError> {
    // Upstream looks at the URL only.
    let state = context.url_params.get("state").to_lowercase();
    let pool = Some(context.url_params.get("scrapePool")).filter(|pool| !pool.is_empty());
    let has_active = matches!(state.as_str(), "" | "any" | "active");
    let has_dropped = matches!(state.as_str(), "" | "any" | "dropped");
    let known = &context.state.handles.targets;
    let active = if has_active { known.active(pool) } else { BTreeMap::new() };
    let dropped = has_dropped.then(|| known.dropped());
    let options = context.state.options.clone();
    let pool = pool.map(str::to_owned);
    let is_wanted = move |name: &str| pool.as_deref().is_none_or(|pool| pool == name);
    let data = move |json: &mut Json<'_>| {
        json.object(|json| {
            json.key("activeTargets");
            json.array(|json| {
                let wanted = active.iter().filter(|(pool, _)| is_wanted(pool));
                wanted.flat_map(|(_, targets)| targets).for_each(|target| write_active(json, target, &options));
            });
            json.key("droppedTargets");
            json.array(|json| {
                for (pool, targets) in dropped.iter().flatten().filter(|(pool, _)| is_wanted(pool)) {
                    write_dropped(json, pool, targets);
                }
            });
            json.key("droppedTargetCounts");
            match &dropped {
                None => json.null(),
                Some(dropped) => json.object(|json| {
                    for (pool, targets) in dropped {
                        json.key(pool);
                        json.int(targets.count);
                    }
                }),
            }
        });
    };
    Ok(Success::new(data))
}

fn write_active(json: &mut Json<'_>, target: &ActiveTarget, options: &Options) {
    json.object(|json| {
        json.key("discoveredLabels");
        json.labels(&target.discovered_labels);
        json.key("labels");
        json.labels(&target.labels);
        for (key, text) in [
            ("scrapePool", target.scrape_pool.as_str()),
            ("scrapeUrl", &target.scrape_url),
            ("globalUrl", &global_url(&target.scrape_url, options)),
            ("lastError", &target.last_error),
            ("lastScrape", &format_local(target.last_scrape_ns)),
        ] {
            json.key(key);
            json.string(text);
        }
        json.key("lastScrapeDuration");
        json.number(target.last_scrape_duration_seconds);
        json.key("health");
        json.string(target.health.as_str());
        json.key("scrapeInterval");
        json.string(&format_duration(target.scrape_interval_ms));
        json.key("scrapeTimeout");
        json.string(&format_duration(target.scrape_timeout_ms));
    });
}

fn write_dropped(json: &mut Json<'_>, pool: &str, targets: &DroppedTargets) {
    for target in &targets.kept {
        json.object(|json| {
            json.key("discoveredLabels");
            json.labels(&target.discovered_labels);
            json.key("scrapePool");
            json.string(pool);
        });
    }
}

/// The address under which others reach a target on this machine: the external
/// host instead of `localhost`; for this server itself its external URL's scheme
/// and port, too.
fn global_url(url: &str, options: &Options) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.into() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let Some((host, port)) = split_port(authority) else { return url.into() };
    if !matches!(host, "localhost" | "127.0.0.1" | "::1") {
        return url.into();
    }
    let external = &options.external_url;
    if split_port(&options.listen_address).is_some_and(|(_, own_port)| own_port == port) {
        return format!("{}://{}{path}", external.scheme, external.authority);
    }
    let host = split_port(&external.authority).map_or(external.authority.as_str(), |(host, _)| host);
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.into() };
    format!("{scheme}://{host}:{port}{path}")
}

/// Host (without brackets) and port.
fn split_port(authority: &str) -> Option<(&str, &str)> {
    let (host, port) = authority.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(host) => Some((host.strip_suffix(']')?, port)),
        None => (!host.contains(':')).then_some((host, port)),
    }
}

pub(crate) fn scrape_pools(context: &Context) -> Result<Success, ApiError> {
    let pools = context.state.handles.targets.scrape_pools();
    Ok(Success::new(move |json| {
        json.object(|json| {
            json.key("scrapePools");
            json.strings(pools.iter().map(String::as_str));
        });
    }))
}

pub(crate) fn scrape_pool_config(context: &Context) -> Result<Success, ApiError> {
    let config = config_of_pool(context)?;
    Ok(Success::new(move |json| {
        json.object(|json| {
            json.key("yaml");
            json.string(&config.yaml);
        });
    }))
}

fn config_of_pool(context: &Context) -> Result<ScrapePoolConfig, ApiError> {
    let pool = context.params.get("scrapePool");
    if pool.is_empty() {
        return Err(ApiError::bad_data("no scrapePool parameter provided"));
    }
    context.state.handles.status.scrape_pool_config(pool).ok_or_else(|| {
        ApiError::bad_data(format_args!("error retrieving scrape config: scrape pool {} not found", quote(pool)))
    })
}

/// What the rules of a job make of labels, step by step.
pub(crate) fn relabel_steps(context: &Context) -> Result<Success, ApiError> {
    if context.params.get("scrapePool").is_empty() {
        return Err(ApiError::bad_data("no scrapePool parameter provided"));
    }
    let text = context.params.get("labels");
    if text.is_empty() {
        return Err(ApiError::bad_data("no labels parameter provided"));
    }
    let labels: BTreeMap<String, String> = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text)
        .map_err(|error| error.to_string())
        .and_then(|object| {
            let text = |(name, value): (String, serde_json::Value)| match value {
                serde_json::Value::String(value) => Ok((name, value)),
                _ => Err(format!("the value of {} is no string", quote(&name))),
            };
            object.into_iter().map(text).collect()
        })
        .map_err(|error| ApiError::bad_data(format_args!("error parsing labels: {error}")))?;
    let rules = config_of_pool(context)?.relabel_configs;
    let mut builder = Labels::from_pairs(&labels).to_builder();
    let mut is_kept = true;
    let steps: Vec<(Labels, bool)> = rules
        .iter()
        .map(|rule| {
            is_kept = is_kept && relabel::process(&mut builder, std::slice::from_ref(rule));
            (if is_kept { builder.labels() } else { Labels::empty() }, is_kept)
        })
        .collect();
    Ok(Success::new(move |json| {
        json.object(|json| {
            json.key("steps");
            json.array(|json| {
                for (rule, (output, is_kept)) in rules.iter().zip(&steps) {
                    json.object(|json| {
                        json.key("rule");
                        write_rule(json, rule);
                        json.key("output");
                        json.labels(output);
                        json.key("keep");
                        json.bool(*is_kept);
                    });
                }
            });
        });
    }))
}

/// A rule with its defaults; what is empty is left out.
fn write_rule(json: &mut Json<'_>, rule: &relabel::Config) {
    let fields = rule.fields();
    json.object(|json| {
        if !fields.source_labels.is_empty() {
            json.key("sourceLabels");
            json.strings(fields.source_labels.iter().map(String::as_str));
        }
        let text = |json: &mut Json<'_>, key: &str, text: &str| {
            if !text.is_empty() {
                json.key(key);
                json.string(text);
            }
        };
        text(json, "separator", &fields.separator);
        text(json, "regex", rule.regex().as_str());
        if fields.modulus != 0 {
            json.key("modulus");
            json.int(fields.modulus);
        }
        text(json, "targetLabel", &fields.target_label);
        text(json, "replacement", &fields.replacement);
        text(json, "action", rule.action().as_str());
    });
}

#[cfg(test)]
mod tests {
    use narthex_regex::Anchored;

    use super::*;
    use crate::options::ExternalUrl;

    #[test]
    fn local_addresses_become_the_external_one() {
        let options = Options {
            route_prefix: "/".into(),
            external_url: ExternalUrl { scheme: "https".into(), authority: "p.example:8443".into(), path: "".into() },
            listen_address: "0.0.0.0:9090".into(),
            is_lifecycle_enabled: false,
            read_timeout: std::time::Duration::from_secs(60),
            cors_origin: Anchored::new(".*").unwrap(),
        };
        for (url, want) in [
            ("http://localhost:9090/metrics", "https://p.example:8443/metrics"),
            ("http://127.0.0.1:9100/metrics?a=b", "http://p.example:9100/metrics?a=b"),
            ("http://[::1]:9100/", "http://p.example:9100/"),
            ("http://node:9100/metrics", "http://node:9100/metrics"),
            ("http://localhost/metrics", "http://localhost/metrics"),
        ] {
            assert_eq!(global_url(url, &options), want);
        }
    }
}
