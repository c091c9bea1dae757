//! Text to commands.

use narthex_model::duration::parse_duration;
use narthex_model::float::parse_float;
use narthex_promql_syntax::ast::Expr;
use narthex_promql_syntax::series::{metric_len, parse_metric, parse_series};
use narthex_promql_syntax::{ParserOptions, parse_expr};

use super::command::{Action, Command, Eval, EvalTimes, Load, LoadedSeries, StepTimes};
use super::expectation::{Expectations, ExpectedResult, TextMatch};

/// What is wrong with a script, and on which line.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) text: String,
}

/// Reads a whole script.
pub(super) fn read(text: &str) -> Result<Vec<Command>, Mistake> {
    let mut reader = Reader { lines: text.lines().collect(), next: 0 };
    let mut commands = Vec::new();
    while reader.next < reader.lines.len() {
        let line = reader.next + 1;
        let Some(first) = reader.block_line() else {
            reader.next += 1;
            continue;
        };
        let action = reader.command(first).map_err(|text| Mistake { line: reader.next.max(line), text })?;
        commands.push(Command { line, action });
    }
    Ok(commands)
}

struct Reader<'a> {
    lines: Vec<&'a str>,
    /// Index of the next line.
    next: usize,
}

impl<'a> Reader<'a> {
    /// Takes the next line unless it ends a block: blank, a comment or not there.
    fn block_line(&mut self) -> Option<&'a str> {
        let line = self.lines.get(self.next)?.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        self.next += 1;
        Some(line)
    }

    fn command(&mut self, line: &str) -> Result<Action, String> {
        let (word, rest) = split_word(line);
        let word = word.to_ascii_lowercase();
        match word.as_str() {
            "clear" if rest.is_empty() => Ok(Action::Clear),
            "load" => self.load(rest, false).map(Action::Load),
            "load_with_nhcb" => self.load(rest, true).map(Action::Load),
            _ if word == "eval" || word.starts_with("eval_") => self.eval(&word, rest).map(Action::Eval),
            _ => Err(format!("invalid command {line:?}")),
        }
    }

    fn load(&mut self, interval: &str, with_nhcb: bool) -> Result<Load, String> {
        let interval_ms = duration(interval)?;
        let mut series: Vec<LoadedSeries> = Vec::new();
        while let Some(line) = self.block_line() {
            let end = metric_len(line).map_err(|error| error.to_string())?;
            let mut starts_ms = Vec::new();
            let mut points_line = line;
            if let Some(sequence) = line[end..].strip_prefix("@st") {
                let labels = parse_metric(&line[..end]).map_err(|error| error.to_string())?;
                starts_ms = starts(sequence)?;
                points_line = self.block_line().ok_or("a series must follow its start timestamps")?;
                let below = parse_series(points_line).map_err(|error| error.to_string())?;
                if below.labels != labels {
                    return Err(format!("start timestamps of {labels} stand above {}", below.labels));
                }
            }
            let description = parse_series(points_line).map_err(|error| error.to_string())?;
            if !starts_ms.is_empty() && starts_ms.len() != description.points.len() {
                let (starts, points) = (starts_ms.len(), description.points.len());
                return Err(format!("{starts} start timestamps for {points} points"));
            }
            // Of two lines for one series the last counts.
            series.retain(|other| other.description.labels != description.labels);
            series.push(LoadedSeries { description, starts_ms });
        }
        Ok(Load { interval_ms, series, with_nhcb })
    }

    fn eval(&mut self, word: &str, rest: &str) -> Result<Eval, String> {
        let mut expectations = Expectations::default();
        match word {
            "eval" => {}
            "eval_fail" => expectations.fail = Some(Vec::new()),
            "eval_warn" => expectations.warnings.texts.push(TextMatch::Any),
            "eval_info" => expectations.infos.texts.push(TextMatch::Any),
            "eval_ordered" => expectations.ordered = true,
            _ => return Err(format!("invalid command {word:?}")),
        }
        let (kind, rest) = split_word(rest);
        let (times, query) = match kind.to_ascii_lowercase().as_str() {
            "instant" => {
                let (time, query) = split_word(keyword(rest, "at")?);
                (EvalTimes::Instant { time_ms: duration(time)? }, query)
            }
            "range" => {
                let (times, query) = step_times(rest)?;
                if expectations.ordered {
                    return Err("the order of a range query's result is fixed".to_owned());
                }
                (EvalTimes::Range(times), query)
            }
            _ => return Err("expected `instant` or `range` behind `eval`".to_owned()),
        };
        if query.is_empty() {
            return Err("there is no query".to_owned());
        }
        while let Some(line) = self.block_line() {
            if !expected_line(line, times, &mut expectations)? {
                break;
            }
        }
        check_combination(times, &expectations)?;
        Ok(Eval { times, query: query.to_owned(), expectations })
    }
}

/// Reads one line below an `eval`; `Ok(false)` when it ends the block.
fn expected_line(line: &str, times: EvalTimes, to: &mut Expectations) -> Result<bool, String> {
    if let Some(rest) = word_prefix(line, "expect") {
        expect_line(rest, to)?;
        return Ok(true);
    }
    if let Some(text) = word_prefix(line, "expected_fail_message") {
        to.fail.get_or_insert_default().push(TextMatch::Exact(text.to_owned()));
        return Ok(false);
    }
    if let Some(pattern) = word_prefix(line, "expected_fail_regexp") {
        to.fail.get_or_insert_default().push(TextMatch::regex(pattern)?);
        return Ok(false);
    }
    if let Ok(value) = parse_float(line) {
        to.result = ExpectedResult::Scalar(value);
        return Ok(false);
    }
    let series = parse_series(line).map_err(|error| error.to_string())?;
    let one_point = matches!(times, EvalTimes::Instant { .. }) && to.range_vector.is_none();
    if one_point && series.points.len() != 1 {
        return Err("an instant query gives one value per series".to_owned());
    }
    match &mut to.result {
        ExpectedResult::Series(all) => {
            if all.iter().any(|(labels, _)| *labels == series.labels) {
                return Err(format!("{} is expected twice", series.labels));
            }
            all.push((series.labels, series.points));
        }
        _ => return Err("a series beside another kind of result".to_owned()),
    }
    Ok(true)
}

/// Reads what stands behind `expect`.
fn expect_line(rest: &str, to: &mut Expectations) -> Result<(), String> {
    let (what, condition) = split_word(rest);
    match what {
        "fail" if to.fail.is_some() => return Err("at most one `expect fail` is possible".to_owned()),
        "fail" => to.fail = Some(vec![text_match(condition)?]),
        "warn" => to.warnings.texts.push(text_match(condition)?),
        "info" => to.infos.texts.push(text_match(condition)?),
        "no_warn" if condition.is_empty() => to.warnings.none = true,
        "no_info" if condition.is_empty() => to.infos.none = true,
        "ordered" if condition.is_empty() => to.ordered = true,
        "string" => match parse_expr(condition, &ParserOptions::ALL) {
            Ok(Expr::String(literal)) if !condition.starts_with('\'') => {
                to.result = ExpectedResult::String(literal.value);
            }
            _ => return Err(format!("expected a quoted string, got {condition:?}")),
        },
        "range" => {
            let (times, rest) = step_times(keyword(condition, "vector")?)?;
            if !rest.is_empty() {
                return Err(format!("unexpected {rest:?} behind the step"));
            }
            to.range_vector = Some(times);
        }
        _ => return Err(format!("invalid line `expect {rest}`")),
    }
    Ok(())
}

/// `msg: TEXT`, `regex: RE`, or nothing.
fn text_match(condition: &str) -> Result<TextMatch, String> {
    if condition.is_empty() {
        Ok(TextMatch::Any)
    } else if let Some(text) = condition.strip_prefix("msg:") {
        Ok(TextMatch::Exact(text.trim().to_owned()))
    } else if let Some(pattern) = condition.strip_prefix("regex:") {
        TextMatch::regex(pattern.trim())
    } else {
        Err(format!("expected `msg:` or `regex:`, got {condition:?}"))
    }
}

fn check_combination(times: EvalTimes, expectations: &Expectations) -> Result<(), String> {
    for (kind, notes) in [("warn", &expectations.warnings), ("info", &expectations.infos)] {
        if notes.none && !notes.texts.is_empty() {
            return Err(format!("`expect {kind}` and `expect no_{kind}` contradict each other"));
        }
    }
    if let EvalTimes::Range(_) = times {
        if expectations.ordered {
            return Err("`expect ordered` is for instant vectors only".to_owned());
        }
        if expectations.range_vector.is_some() {
            return Err("`expect range vector` is for instant queries only".to_owned());
        }
        if !matches!(expectations.result, ExpectedResult::Series(_)) {
            return Err("a range query gives series".to_owned());
        }
    }
    Ok(())
}

/// `from A to B step S`, and what follows.
fn step_times(text: &str) -> Result<(StepTimes, &str), String> {
    let (start, rest) = split_word(keyword(text, "from")?);
    let (end, rest) = split_word(keyword(rest, "to")?);
    let (step, rest) = split_word(keyword(rest, "step")?);
    let times = StepTimes { start_ms: duration(start)?, end_ms: duration(end)?, step_ms: duration(step)? };
    if times.end_ms < times.start_ms {
        return Err(format!("the end {end} is before the start {start}"));
    }
    if times.step_ms == 0 {
        return Err("the step must be greater than 0".to_owned());
    }
    Ok((times, rest))
}

fn keyword<'a>(text: &'a str, wanted: &str) -> Result<&'a str, String> {
    let (word, rest) = split_word(text);
    if word == wanted { Ok(rest) } else { Err(format!("expected `{wanted}`, got {word:?}")) }
}

/// The first word, and the rest without the blanks between.
fn split_word(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

/// What stands behind `word` if the line begins with it.
fn word_prefix<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let (first, rest) = split_word(line);
    (first == word).then_some(rest)
}

fn duration(text: &str) -> Result<i64, String> {
    parse_duration(text).map_err(|error| format!("invalid duration {text:?}: {error}"))
}

/// `_ _x2 -30s -1mx2 -1m-1mx2`: start timestamps relative to those of the points.
fn starts(sequence: &str) -> Result<Vec<Option<i64>>, String> {
    let mut starts = Vec::new();
    for item in sequence.split_whitespace() {
        let fail = || format!("invalid start timestamps {item:?}");
        let (item, times) = match item.split_once('x') {
            Some((item, times)) => (item, Some(times.parse::<u16>().map_err(|_| fail())?)),
            None => (item, None),
        };
        if item == "_" {
            starts.extend((0..times.unwrap_or(1)).map(|_| None));
            continue;
        }
        let (first, rest) = signed_duration(item).ok_or_else(fail)?;
        let step = match rest {
            "" => 0,
            _ => match signed_duration(rest) {
                Some((step, "")) if times.is_some() => step,
                _ => return Err(fail()),
            },
        };
        starts.extend((0..=i64::from(times.unwrap_or(0))).map(|k| Some(first + k * step)));
    }
    Ok(starts)
}

/// A duration with or without sign at the start of `text`, and what follows.
fn signed_duration(text: &str) -> Option<(i64, &str)> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = unsigned.find(['-', '+']).unwrap_or(unsigned.len());
    let ms = parse_duration(&unsigned[..end]).ok()?;
    Some((if negative { -ms } else { ms }, &unsigned[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        match read(text) {
            Ok(commands) => panic!("{text:?} is read as {commands:?}"),
            Err(mistake) => format!("{}: {}", mistake.line, mistake.text),
        }
    }

    #[test]
    fn blocks_end_at_blank_lines_and_comments() {
        let commands = read("# a\nload 1m\n  x 1 2\n# b\nclear\n\neval instant at 5m sum(x)\n  {} 3\n").unwrap();
        assert_eq!(commands.iter().map(|command| command.line).collect::<Vec<_>>(), [2, 5, 7]);
        let Action::Eval(eval) = &commands[2].action else { panic!("an eval") };
        assert_eq!(eval.times, EvalTimes::Instant { time_ms: 300_000 });
        assert_eq!(eval.query, "sum(x)");
    }

    proptest::proptest! {
        #[test]
        fn no_script_panics(
            command in "(load|eval instant at|eval range from|eval_fail instant at) [0-9a-z ]{0,12}[({x]{0,3}",
            line in "(  (x|expect|x@st|expected_fail_regexp) [-a-z0-9_:+{}\\[( ]{0,16}\n){0,3}",
            text in ".{0,64}",
        ) {
            let _ = read(&format!("{command}\n{line}"));
            let _ = read(&text);
        }
    }

    #[test]
    fn start_timestamps_stand_above_their_series() {
        let commands = read("load 1m\n  x@st _ -30s-1mx1 0\n  x 1 2 3 4\n  y 1").unwrap();
        let Action::Load(load) = &commands[0].action else { panic!("a load") };
        assert_eq!(load.series[0].starts_ms, [None, Some(-30_000), Some(-90_000), Some(0)]);
        assert!(load.series[1].starts_ms.is_empty());
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, want) in [
            ("lod 1m", "1: invalid command \"lod 1m\""),
            ("\nload 5", "2: invalid duration \"5\": not a valid duration string: \"5\""),
            ("eval instant at 5 x", "1: invalid duration \"5\": not a valid duration string: \"5\""),
            ("eval range from 5m to 1m step 1m x", "1: the end 1m is before the start 5m"),
            (
                "eval instant at 0 x\n  expect warn\n  expect no_warn",
                "3: `expect warn` and `expect no_warn` contradict each other",
            ),
            ("eval instant at 0 x\n  x 1 2", "2: an instant query gives one value per series"),
            ("eval instant at 0 x\n  expect fail\n  expect fail", "3: at most one `expect fail` is possible"),
            ("eval instant at 0 x\n  expect nothing", "2: invalid line `expect nothing`"),
            ("load 1m\n  x@st 1m\n  y 1", "3: start timestamps of {__name__=\"x\"} stand above {__name__=\"y\"}"),
            ("load 1m\n  x@st 1m\n  x 1 2", "3: 1 start timestamps for 2 points"),
        ] {
            assert_eq!(mistake(text), want, "{text}");
        }
    }
}
