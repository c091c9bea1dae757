//! `format_query`, `parse_query`.

use narthex_promql_syntax::{Expr, json::to_json, parse_expr, pretty};

use crate::context::{Context, Success};
use crate::error::ApiError;

pub(crate) fn format(context: &Context) -> Result<Success, ApiError> {
    let text = pretty(&parsed(context)?);
    Ok(Success::new(move |json| json.string(&text)))
}

pub(crate) fn parse(context: &Context) -> Result<Success, ApiError> {
    let tree = to_json(&parsed(context)?);
    Ok(Success::new(move |json| write_tree(json, &tree)))
}

fn parsed(context: &Context) -> Result<Expr, ApiError> {
    let options = context.state.handles.engine.parser_options();
    parse_expr(context.params.get("query"), &options).map_err(|errors| ApiError::parameter("query", errors))
}

/// Writes the tree by our own rules for texts. It is as deep as the query, which
/// the parser limits.
fn write_tree(json: &mut crate::json::Json<'_>, tree: &serde_json::Value) {
    use serde_json::Value;
    match tree {
        Value::Null => json.null(),
        Value::Bool(value) => json.bool(*value),
        Value::Number(number) => json.raw(&number.to_string()),
        Value::String(text) => json.string(text),
        Value::Array(values) => json.array(|json| values.iter().for_each(|value| write_tree(json, value))),
        Value::Object(entries) => json.object(|json| {
            for (key, value) in entries {
                json.key(key);
                write_tree(json, value);
            }
        }),
    }
}
