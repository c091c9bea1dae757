//! The table of endpoints as an OpenAPI description.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use crate::params::Params;
use crate::router::State;
use crate::table::{ENTRIES, Entry, Kind, Param, Run};

/// Version 3.1 unless the request asks for 3.2. What is described is the same.
pub(crate) fn serve(state: &Arc<State>, request: &Parts) -> Response {
    let params = Params::from_query(request.uri.query().unwrap_or(""));
    let version = if params.get("openapi_version").starts_with("3.2") { "3.2.0" } else { "3.1.0" };
    let server = format!("{}/api/v1", state.options.external_url.path);
    let mut response = Response::new(Body::from(describe(version, &server)));
    let content_type = HeaderValue::from_static("application/yaml; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// The whole description. Texts stand in double quotes, as YAML takes them from JSON.
fn describe(version: &str, server: &str) -> String {
    let mut out = format!(
        "openapi: {version}\ninfo:\n  title: Prometheus HTTP API\n  version: v1\nservers:\n  - url: {}\npaths:\n",
        quoted(server)
    );
    for entry in ENTRIES {
        path(&mut out, entry).expect("writing to a String cannot fail");
    }
    out.push_str(COMPONENTS);
    out
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn path(out: &mut String, entry: &Entry) -> std::fmt::Result {
    writeln!(out, "  /{}:", entry.path.replace('*', "{name}"))?;
    for method in entry.methods.names() {
        let method = method.to_ascii_lowercase();
        let id: String =
            entry.path.chars().filter(|c| *c != '*').map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        writeln!(out, "    {method}:")?;
        writeln!(out, "      operationId: {method}-{}", id.trim_matches('-').replace("--", "-"))?;
        writeln!(out, "      summary: {}", quoted(entry.about))?;
        let takes_form = method == "post" && matches!(entry.run, Run::Json(_)) && !entry.params.is_empty();
        let in_path = entry.path.contains('*');
        if in_path || (!takes_form && !entry.params.is_empty()) {
            writeln!(out, "      parameters:")?;
        }
        if in_path {
            writeln!(out, "        - {{name: name, in: path, required: true, schema: {{type: string}}}}")?;
        }
        if takes_form {
            let is_required = entry.params.iter().any(|param| param.is_required);
            writeln!(out, "      requestBody:\n        required: {is_required}\n        content:")?;
            writeln!(
                out,
                "          application/x-www-form-urlencoded:\n            schema:\n              type: object"
            )?;
            let required: Vec<String> = entry.params.iter().filter(|p| p.is_required).map(|p| quoted(p.name)).collect();
            if !required.is_empty() {
                writeln!(out, "              required: [{}]", required.join(", "))?;
            }
            writeln!(out, "              properties:")?;
            for Param { name, kind, .. } in entry.params {
                writeln!(out, "                {}: {}", quoted(name), schema(*kind))?;
            }
        } else {
            for Param { name, kind, is_required } in entry.params {
                let (name, schema) = (quoted(name), schema(*kind));
                writeln!(out, "        - {{name: {name}, in: query, required: {is_required}, schema: {schema}}}")?;
            }
        }
        out.push_str("      responses:\n");
        out.push_str(match entry.run {
            Run::Json(_) => "        \"200\": {$ref: \"#/components/responses/Success\"}\n        default: {$ref: \"#/components/responses/Error\"}\n",
            Run::Plain(_) | Run::OpenApi => "        default: {description: \"An answer outside the envelope.\"}\n",
        });
    }
    Ok(())
}

fn schema(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "{type: string}",
        Kind::Texts => "{type: array, items: {type: string}}",
        Kind::Time => "{type: string, description: \"Seconds since the epoch, or RFC 3339.\"}",
        Kind::Duration => "{type: string, description: \"Seconds, or a duration such as 5m.\"}",
        Kind::Int => "{type: integer, minimum: 0}",
        Kind::Bool => "{type: boolean}",
    }
}

const COMPONENTS: &str = r##"components:
  responses:
    Success:
      description: "What was asked for."
      content:
        application/json: {schema: {$ref: "#/components/schemas/Success"}}
    Error:
      description: "Why there is no answer, or nothing when there is nothing to tell."
      content:
        application/json: {schema: {$ref: "#/components/schemas/Error"}}
        text/plain: {schema: {type: string}}
  schemas:
    Success:
      type: object
      required: [status, data]
      properties:
        status: {type: string, const: success}
        data: {}
        warnings: {type: array, items: {type: string}}
        infos: {type: array, items: {type: string}}
    Error:
      type: object
      required: [status, errorType, error]
      properties:
        status: {type: string, const: error}
        errorType: {type: string}
        error: {type: string}
"##;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_described_once() {
        let text = describe("3.1.0", "/api/v1");
        assert!(text.starts_with("openapi: 3.1.0\n"));
        for entry in ENTRIES {
            let line = format!("\n  /{}:\n", entry.path.replace('*', "{name}"));
            assert_eq!(text.matches(&line).count(), 1, "{line}");
        }
        let mut ids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("      operationId: ")).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
