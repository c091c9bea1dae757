//! The points behind a series.

use narthex_model::FloatHistogram;
use narthex_model::duration::parse_duration;
use narthex_model::float::parse_float;
use narthex_model::quote::quote;
use narthex_model::value::{NORMAL_NAN, STALE_NAN};

use super::histogram::{WrittenHistogram, histogram};
use super::{POINTS_MAX, Point};
use crate::error::Fault;
use crate::number::scan_number;

/// The points from byte `pos` to the end of `text`.
pub(super) fn points(text: &str, pos: usize) -> Result<Vec<Point>, Fault> {
    let mut reader = Reader { text, pos };
    let mut points = Vec::new();
    while reader.skip_blanks()? {
        reader.item(&mut points)?;
        if points.len() > POINTS_MAX {
            return Err(reader.fault(format!("more than {POINTS_MAX} points")));
        }
    }
    Ok(points)
}

/// Reads a text from left to right.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) pos: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.pos..]
    }

    pub(super) fn eat(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        if found {
            self.pos += what.len();
        }
        found
    }

    pub(super) fn fault(&self, text: impl Into<String>) -> Fault {
        Fault::new(self.pos..self.text.len(), text)
    }

    /// What stands here does not belong here.
    pub(super) fn unexpected(&self, place: &str) -> Fault {
        let what = match self.rest().chars().next() {
            Some(char) => quote(char.encode_utf8(&mut [0; 4])),
            None => "end of input".to_owned(),
        };
        self.fault(format!("unexpected {what} in {place}"))
    }

    /// Skips blanks, of which there must be some unless nothing follows. Whether something does.
    fn skip_blanks(&mut self) -> Result<bool, Fault> {
        let blanks = self.rest().len() - self.rest().trim_start().len();
        if blanks == 0 && !self.rest().is_empty() {
            return Err(self.unexpected("series values"));
        }
        self.pos += blanks;
        Ok(!self.rest().is_empty())
    }

    fn item(&mut self, points: &mut Vec<Point>) -> Result<(), Fault> {
        if self.eat("_") {
            let count = self.times()?.unwrap_or(1);
            points.extend((0..count).map(|_| Point::Absent));
        } else if self.eat("stale") {
            points.push(Point::Float(STALE_NAN));
        } else if self.eat("{{") {
            self.histograms(points)?;
        } else {
            self.floats(points)?;
        }
        Ok(())
    }

    fn floats(&mut self, points: &mut Vec<Point>) -> Result<(), Fault> {
        let mut value = self.signed_number()?;
        let mut step = 0.0;
        let stepping = self.rest().starts_with(['+', '-']);
        if stepping {
            step = self.signed_number()?;
        }
        let times = self.times()?;
        if stepping && times.is_none() {
            return Err(self.unexpected("series values"));
        }
        points.push(Point::Float(value));
        for _ in 0..times.unwrap_or(0) {
            if stepping {
                value += step;
            }
            points.push(Point::Float(value));
        }
        Ok(())
    }

    fn histograms(&mut self, points: &mut Vec<Point>) -> Result<(), Fault> {
        let first = histogram(self)?;
        let subtract = self.rest().starts_with("-{{");
        if !subtract && !self.rest().starts_with("+{{") {
            let times = self.times()?.unwrap_or(0);
            points.extend((0..=times).map(|_| point(first.histogram.clone(), first.has_hint)));
            return Ok(());
        }
        self.pos += "+{{".len();
        let step = histogram(self)?;
        let Some(times) = self.times()? else { return Err(self.unexpected("series values")) };
        let WrittenHistogram { mut histogram, .. } = first;
        if histogram.schema > step.histogram.schema {
            let (from, to) = (histogram.schema, step.histogram.schema);
            return Err(self.fault(format!("error combining histograms: cannot merge from schema {from} to {to}")));
        }
        points.push(point(histogram.clone(), step.has_hint));
        for _ in 0..times {
            let combined = if subtract { histogram.sub(&step.histogram) } else { histogram.add(&step.histogram) };
            combined.map_err(|error| self.fault(format!("error combining histograms: {error}")))?;
            points.push(point(histogram.clone(), step.has_hint));
        }
        Ok(())
    }

    /// `xN`, if it stands here.
    fn times(&mut self) -> Result<Option<usize>, Fault> {
        if !self.eat("x") {
            return Ok(None);
        }
        let len = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let count: Option<usize> = self.rest()[..len].parse().ok().filter(|&count| count < POINTS_MAX);
        let Some(count) = count else {
            return Err(self.fault("invalid repetition in series values"));
        };
        self.pos += len;
        Ok(Some(count))
    }

    pub(super) fn signed_number(&mut self) -> Result<f64, Fault> {
        let negative = self.rest().starts_with('-');
        if negative || self.rest().starts_with('+') {
            self.pos += 1;
        }
        let value = self.number()?;
        Ok(if negative { -value } else { value })
    }

    fn number(&mut self) -> Result<f64, Fault> {
        for (word, value) in [("inf", f64::INFINITY), ("nan", NORMAL_NAN)] {
            if self.rest().get(..3).is_some_and(|start| start.eq_ignore_ascii_case(word)) {
                self.pos += 3;
                return Ok(value);
            }
        }
        let bytes = self.text.as_bytes();
        if !bytes.get(self.pos).is_some_and(|b| b.is_ascii_digit() || *b == b'.') {
            return Err(self.unexpected("series values"));
        }
        let start = self.pos;
        let (mut end, complete) = scan_number(bytes, start, false);
        // An `x` ends a number here, as in `1x3`.
        if complete || (end > start && bytes.get(end) == Some(&b'x')) {
            self.pos = end;
            return parse_float(&self.text[start..end])
                .map_err(|error| Fault::new(start..end, format!("error parsing number: {error}")));
        }
        while bytes.get(end).is_some_and(|b| b"smhdwy0123456789".contains(b)) {
            end += 1;
        }
        self.pos = end;
        parse_duration(&self.text[start..end])
            .map(|ms| ms as f64 / 1000.0)
            .map_err(|error| Fault::new(start..end, error.to_string()))
    }
}

fn point(histogram: FloatHistogram, has_hint: bool) -> Point {
    Point::Histogram { histogram, has_hint }
}
