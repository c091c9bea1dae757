//! `promql format`.

use narthex_promql_syntax::{parse_expr, pretty};

use crate::command::Given;
use crate::output::{FAILURE, Output, SUCCESS};

pub(crate) fn run(given: &Given, output: &mut Output<'_>) -> u8 {
    match parse_expr(&given.args[0], &given.parser_options()) {
        Ok(expr) => {
            output.line(pretty(&expr));
            SUCCESS
        }
        Err(errors) => {
            output.complain(format_args!("error: {errors}"));
            FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn a_query_is_printed_in_its_usual_form() {
        check("promql format sum(rate(a[5m]))by(b)", 0, "sum by (b) (rate(a[5m]))\n", "");
        check("promql format a+", 1, "", "error: 1:3: parse error: unexpected end of input\n");
    }
}
