//! The form in which users see a histogram.

use std::fmt;

use super::FloatHistogram;
use crate::float::append_g;

impl fmt::Display for FloatHistogram {
    /// `{count:10, sum:20, [-0.001,0.001]:2, (0.5,1]:3}`: the populated buckets from
    /// the lowest up, inclusive ends in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::from("{count:");
        append_g(&mut text, self.count);
        text.push_str(", sum:");
        append_g(&mut text, self.sum);
        let populated = |count: f64| count != 0.0;
        let zero = populated(self.zero_count).then(|| self.zero_bucket());
        let buckets = self.negative_bounded().rev().chain(zero).chain(self.positive_bounded());
        for bucket in buckets.filter(|bucket| populated(bucket.count)) {
            text.push_str(if bucket.lower_inclusive { ", [" } else { ", (" });
            append_g(&mut text, bucket.lower);
            text.push(',');
            append_g(&mut text, bucket.upper);
            text.push_str(if bucket.upper_inclusive { "]:" } else { "):" });
            append_g(&mut text, bucket.count);
        }
        text.push('}');
        f.write_str(&text)
    }
}
