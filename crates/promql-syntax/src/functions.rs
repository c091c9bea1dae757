//! The functions of the language: names, argument types, what they return.

use crate::ast::ValueType;
use ValueType::{Matrix as M, Scalar as S, String as T, Vector as V};

/// One function's signature.
#[derive(Debug, PartialEq)]
pub struct Function {
    /// Its name, as queries write it.
    pub name: &'static str,
    /// Types of its arguments; the last one stands for all further ones.
    pub args: &'static [ValueType],
    /// How many of the last arguments may be left out or added.
    pub variadic: Variadic,
    /// What it returns.
    pub returns: ValueType,
    /// Whether it needs `--enable-feature=promql-experimental-functions`.
    pub experimental: bool,
}

/// How many arguments a function takes beyond the fixed ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variadic {
    /// Exactly as many as listed.
    No,
    /// The last one may be left out, and up to this many more than `args.len() - 1` may be given.
    UpTo(usize),
    /// The last one may be left out or repeated.
    Any,
}

impl Function {
    /// The smallest number of arguments.
    pub fn min_args(&self) -> usize {
        match self.variadic {
            Variadic::No => self.args.len(),
            Variadic::UpTo(_) | Variadic::Any => self.args.len() - 1,
        }
    }

    /// The largest number of arguments; `None` when there is none.
    pub fn max_args(&self) -> Option<usize> {
        match self.variadic {
            Variadic::No => Some(self.args.len()),
            Variadic::UpTo(more) => Some(self.args.len() - 1 + more),
            Variadic::Any => None,
        }
    }

    /// The type that argument number `index` (from 0) must have.
    pub fn arg_type(&self, index: usize) -> ValueType {
        self.args[index.min(self.args.len() - 1)]
    }
}

/// The function called `name` (case matters), if there is one.
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.binary_search_by(|f| f.name.cmp(name)).ok().map(|i| &FUNCTIONS[i])
}

const fn f(name: &'static str, args: &'static [ValueType]) -> Function {
    Function { name, args, variadic: Variadic::No, returns: V, experimental: false }
}

const fn variadic(name: &'static str, args: &'static [ValueType], variadic: Variadic) -> Function {
    Function { name, args, variadic, returns: V, experimental: false }
}

const fn scalar(name: &'static str, args: &'static [ValueType]) -> Function {
    Function { name, args, variadic: Variadic::No, returns: S, experimental: false }
}

const fn experimental(function: Function) -> Function {
    Function { experimental: true, ..function }
}

/// All functions, by ascending name.
pub static FUNCTIONS: &[Function] = &[
    f("abs", &[V]),
    f("absent", &[V]),
    f("absent_over_time", &[M]),
    f("acos", &[V]),
    f("acosh", &[V]),
    f("asin", &[V]),
    f("asinh", &[V]),
    f("atan", &[V]),
    f("atanh", &[V]),
    f("avg_over_time", &[M]),
    f("ceil", &[V]),
    f("changes", &[M]),
    f("clamp", &[V, S, S]),
    f("clamp_max", &[V, S]),
    f("clamp_min", &[V, S]),
    f("cos", &[V]),
    f("cosh", &[V]),
    f("count_over_time", &[M]),
    variadic("day_of_month", &[V], Variadic::UpTo(1)),
    variadic("day_of_week", &[V], Variadic::UpTo(1)),
    variadic("day_of_year", &[V], Variadic::UpTo(1)),
    variadic("days_in_month", &[V], Variadic::UpTo(1)),
    f("deg", &[V]),
    f("delta", &[M]),
    f("deriv", &[M]),
    experimental(f("double_exponential_smoothing", &[M, S, S])),
    experimental(scalar("end", &[])),
    f("exp", &[V]),
    f("first_over_time", &[M]),
    f("floor", &[V]),
    f("histogram_avg", &[V]),
    f("histogram_count", &[V]),
    f("histogram_fraction", &[S, S, V]),
    f("histogram_quantile", &[S, V]),
    experimental(variadic("histogram_quantiles", &[V, T, S, S], Variadic::UpTo(9))),
    f("histogram_stddev", &[V]),
    f("histogram_stdvar", &[V]),
    f("histogram_sum", &[V]),
    variadic("hour", &[V], Variadic::UpTo(1)),
    f("idelta", &[M]),
    f("increase", &[M]),
    experimental(variadic("info", &[V, V], Variadic::UpTo(1))),
    f("irate", &[M]),
    variadic("label_join", &[V, T, T, T], Variadic::Any),
    f("label_replace", &[V, T, T, T, T]),
    f("last_over_time", &[M]),
    f("ln", &[V]),
    f("log10", &[V]),
    f("log2", &[V]),
    experimental(f("mad_over_time", &[M])),
    experimental(scalar("max_of", &[S, S])),
    f("max_over_time", &[M]),
    experimental(scalar("min_of", &[S, S])),
    f("min_over_time", &[M]),
    variadic("minute", &[V], Variadic::UpTo(1)),
    variadic("month", &[V], Variadic::UpTo(1)),
    scalar("pi", &[]),
    f("predict_linear", &[M, S]),
    f("present_over_time", &[M]),
    f("quantile_over_time", &[S, M]),
    f("rad", &[V]),
    experimental(scalar("range", &[])),
    f("rate", &[M]),
    f("resets", &[M]),
    variadic("round", &[V, S], Variadic::UpTo(1)),
    scalar("scalar", &[V]),
    f("sgn", &[V]),
    f("sin", &[V]),
    f("sinh", &[V]),
    f("sort", &[V]),
    experimental(variadic("sort_by_label", &[V, T], Variadic::Any)),
    experimental(variadic("sort_by_label_desc", &[V, T], Variadic::Any)),
    f("sort_desc", &[V]),
    f("sqrt", &[V]),
    experimental(scalar("start", &[])),
    experimental(f("start_timestamp", &[V])),
    f("stddev_over_time", &[M]),
    f("stdvar_over_time", &[M]),
    experimental(scalar("step", &[])),
    f("sum_over_time", &[M]),
    f("tan", &[V]),
    f("tanh", &[V]),
    scalar("time", &[]),
    f("timestamp", &[V]),
    experimental(f("ts_of_first_over_time", &[M])),
    experimental(f("ts_of_last_over_time", &[M])),
    experimental(f("ts_of_max_over_time", &[M])),
    experimental(f("ts_of_min_over_time", &[M])),
    f("vector", &[S]),
    variadic("year", &[V], Variadic::UpTo(1)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_names_are_found() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(function("rate").map(|f| f.name), Some("rate"));
        assert_eq!(function("Rate"), None);
    }
}
