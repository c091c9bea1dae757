//! How a query is answered: [`Explanation`], its plan as a tree, with what each
//! part cost when the query was run.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, json};

/// A query's plan. Displays as a tree, one part per line.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The whole query.
    pub root: ExplainedNode,
}

/// One part of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedNode {
    /// What is done: `sum by (job)`, `rate`, `select up{job="a"}[5m]`.
    pub operation: String,
    /// Parts with the same number are equal and computed once.
    pub shared: Option<u32>,
    /// How many series a selector found; only when the query was run.
    pub series_found: Option<usize>,
    /// What it cost. `None` when the query was not run, and for parts that hand
    /// row after row to the part above, whose cost contains theirs.
    pub cost: Option<NodeCost>,
    /// What it is computed from.
    pub children: Vec<ExplainedNode>,
}

/// What a part of a query cost, everything below it included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeCost {
    /// How often it was computed or taken from memory.
    pub evaluations: u64,
    /// Series of its result.
    pub series: usize,
    /// Samples that steps looked at, each as often as it was in view.
    pub samples: i64,
    /// Samples that had to be read.
    pub samples_read: i64,
    /// Memory of its result in bytes.
    pub bytes: usize,
    /// Time spent.
    pub time: Duration,
}

impl Explanation {
    /// The tree for programs. Times are in seconds.
    pub fn to_json(&self) -> serde_json::Value {
        self.root.to_json()
    }
}

impl ExplainedNode {
    fn to_json(&self) -> serde_json::Value {
        let mut object = Map::new();
        object.insert("operation".into(), json!(self.operation));
        if let Some(number) = self.shared {
            object.insert("shared".into(), json!(number));
        }
        if let Some(found) = self.series_found {
            object.insert("seriesFound".into(), json!(found));
        }
        if let Some(cost) = &self.cost {
            object.insert("evaluations".into(), json!(cost.evaluations));
            object.insert("series".into(), json!(cost.series));
            object.insert("samples".into(), json!(cost.samples));
            object.insert("samplesRead".into(), json!(cost.samples_read));
            object.insert("bytes".into(), json!(cost.bytes));
            object.insert("time".into(), json!(cost.time.as_secs_f64()));
        }
        let children: Vec<_> = self.children.iter().map(ExplainedNode::to_json).collect();
        object.insert("children".into(), json!(children));
        object.into()
    }

    /// Writes its own line and those below; `indent` stands before the latter.
    fn write(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        f.write_str(&self.operation)?;
        if let Some(number) = self.shared {
            write!(f, "  shared=#{number}")?;
        }
        if let Some(found) = self.series_found {
            write!(f, "  found={found}")?;
        }
        if let Some(cost) = &self.cost {
            write!(
                f,
                "  series={} samples={} read={} bytes={} time={:?}",
                cost.series, cost.samples, cost.samples_read, cost.bytes, cost.time
            )?;
            if cost.evaluations > 1 {
                write!(f, " evaluations={}", cost.evaluations)?;
            }
        }
        f.write_str("\n")?;
        for (k, child) in self.children.iter().enumerate() {
            let is_last = k + 1 == self.children.len();
            write!(f, "{indent}{}", if is_last { "└─ " } else { "├─ " })?;
            child.write(f, &format!("{indent}{}", if is_last { "   " } else { "│  " }))?;
        }
        Ok(())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.write(f, "")
    }
}

#[cfg(test)]
mod tests {
    use crate::api::Request;
    use crate::testing::{TestStorage, engine};

    fn plan(query: &str) -> String {
        engine().explain(&Request::range(query, 0, 600_000, 60_000)).unwrap().to_string()
    }

    #[test]
    fn a_plan_is_shown_as_a_tree() {
        assert_eq!(
            plan("sum by (a) (rate(x{b=\"1\"}[5m] offset 1m)) / on (a) group_left (c) (y @ 10 + 1)"),
            "/ on (a) group_left (c)\n\
             ├─ sum by (a)\n\
             │  └─ rate\n\
             │     └─ select {b=\"1\",__name__=\"x\"}[300s] offset 60s\n\
             └─ once\n   \
                └─ +\n      \
                   ├─ select {__name__=\"y\"} @ 10\n      \
                   └─ 1\n"
        );
        assert_eq!(plan("topk(2, x)"), "topk\n├─ 2\n└─ select {__name__=\"x\"}\n");
        assert_eq!(
            plan("max_over_time((-x)[10m:1m])"),
            "max_over_time\n└─ sub-query [600s:60s]\n   └─ negate\n      └─ select {__name__=\"x\"}\n"
        );
    }

    #[test]
    fn analysis_tells_what_each_part_cost() {
        let storage = TestStorage::default().load(60_000, "x{a=\"1\"}", &[1.0, 2.0, 3.0]).load(
            60_000,
            "x{a=\"2\"}",
            &[1.0, 2.0, 3.0],
        );
        let request = Request::range("abs(x) + on () group_left () sum(x)", 0, 120_000, 60_000);
        let (answer, explanation) = engine().analyze(&storage, &request).unwrap();
        let root = explanation.root.cost.unwrap();
        assert_eq!((root.series, root.samples, root.evaluations), (2, answer.stats.total_queryable_samples, 1));
        assert_eq!(root.samples_read, answer.stats.samples_read);
        let sum = &explanation.root.children[1];
        assert_eq!((sum.operation.as_str(), sum.cost.unwrap().series, sum.cost.unwrap().samples), ("sum", 1, 6));
        // The rows of the selector go into the sum one by one.
        assert_eq!((sum.children[0].series_found, sum.children[0].cost), (Some(2), None));
        let json = explanation.to_json();
        assert_eq!(json["children"][1]["operation"], "sum");
        assert_eq!(json["children"][1]["children"][0]["seriesFound"], 2);
    }
}
