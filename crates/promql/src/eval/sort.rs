//! `sort`, `sort_desc`, `sort_by_label`, `sort_by_label_desc`.

use std::cmp::Ordering;

use super::vector::{Vector, is_absent};

/// By value; histograms go, NaN comes last either way.
pub(super) fn by_value(mut vector: Vector, descending: bool) -> Vector {
    vector.clear_histograms();
    vector.prune();
    if vector.steps != 1 {
        return vector;
    }
    let mut order: Vec<usize> = (0..vector.len()).filter(|row| !is_absent(vector.floats[*row])).collect();
    let is_before = |a: f64, b: f64| {
        if a.is_nan() { false } else { b.is_nan() || if descending { a > b } else { a < b } }
    };
    order.sort_by(|a, b| {
        let (a, b) = (vector.floats[*a], vector.floats[*b]);
        match (is_before(a, b), is_before(b, a)) {
            (true, _) => Ordering::Less,
            (_, true) => Ordering::Greater,
            _ => Ordering::Equal,
        }
    });
    vector.reordered(&order)
}

/// By the values of labels in natural order, then by all labels.
pub(super) fn by_label(vector: Vector, names: &[String], descending: bool) -> Vector {
    if vector.steps != 1 {
        return vector;
    }
    let mut order: Vec<usize> = (0..vector.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&vector.rows[*a].labels, &vector.rows[*b].labels);
        let by_names = names.iter().map(|name| natural(a.value(name), b.value(name)));
        let ordering = by_names.fold(Ordering::Equal, Ordering::then).then_with(|| a.cmp(b));
        if descending { ordering.reverse() } else { ordering }
    });
    vector.reordered(&order)
}

/// Numbers within texts compare as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !a.is_empty() && !b.is_empty() {
        let (run_a, run_b);
        (run_a, a) = split_run(a);
        (run_b, b) = split_run(b);
        let ordering = match (run_a.parse::<i64>(), run_b.parse::<i64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            _ => run_a.cmp(run_b),
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    a.len().min(1).cmp(&b.len().min(1))
}

/// The run of digits, or of anything else, at the start.
fn split_run(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_are_numbers() {
        let mut values = ["a10", "a2", "b1", "a", "10", "9", ""];
        values.sort_by(|a, b| natural(a, b));
        assert_eq!(values, ["", "9", "10", "a", "a2", "a10", "b1"]);
    }
}
