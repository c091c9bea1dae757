//! Killed at any moment, it loses nothing that it had shown.

use crate::util::{Home, Target};

#[test]
fn nothing_that_was_queried_is_lost_when_it_is_killed() {
    let target = Target::exposing(|n| (0..200).map(|i| format!("m{{i=\"{i}\"}} {}\n", n * i)).collect());
    let home = Home::new(&target.config());
    let mut shown = Vec::new();
    for round in 0..5 {
        let server = home.start(&[]);
        if round > 0 {
            let again = server.query("m{i='7'}[1h]")[0]["values"].clone();
            for sample in &shown {
                assert!(again.as_array().unwrap().contains(sample), "round {round}: {sample} is gone");
            }
            // Whole scrapes only: at the time of the last one shown, every series has its sample.
            let last = shown.last().unwrap()[0].as_f64().unwrap();
            let answer = server.get(&format!("/api/v1/query?query=count(m)&time={last}")).json();
            assert_eq!(answer["data"]["result"][0]["value"][1], "200", "round {round}");
        }
        let count = shown.len() as f64;
        server
            .wait_for("more samples", |s| (s.value("count_over_time(m{i='7'}[1h])") > Some(count + 3.0)).then_some(()));
        shown = server.query("m{i='7'}[1h]")[0]["values"].as_array().unwrap().clone();
        server.kill();
    }
}
