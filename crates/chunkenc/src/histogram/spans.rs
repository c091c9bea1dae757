//! Where the buckets of one side lie, and how layouts are brought together.

use narthex_model::histogram::Span;

/// The indices of all buckets. Ascending when the spans are valid; finite in any case.
pub(crate) fn indices(spans: &[Span]) -> impl Iterator<Item = i64> + '_ {
    let mut next = 0i64;
    spans.iter().flat_map(move |span| {
        let start = next + i64::from(span.offset);
        next = start + i64::from(span.length);
        start..next
    })
}

/// How many buckets there are.
pub(crate) fn slot_count(spans: &[Span]) -> u64 {
    spans.iter().map(|span| u64::from(span.length)).sum()
}

/// The fewest spans that have these buckets, ascending.
pub(crate) fn from_indices(indices: impl IntoIterator<Item = i64>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut next = 0;
    for index in indices {
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => spans.push(Span { offset: (index - next) as i32, length: 1 }),
        }
        next = index + 1;
    }
    spans
}

/// The fewest spans that have the buckets of both.
pub(crate) fn union(a: &[Span], b: &[Span]) -> Vec<Span> {
    let (mut a, mut b) = (indices(a).peekable(), indices(b).peekable());
    let both = std::iter::from_fn(|| match (a.peek().copied(), b.peek().copied()) {
        (Some(x), Some(y)) if x == y => {
            a.next();
            b.next()
        }
        (Some(x), Some(y)) if y < x => b.next(),
        (Some(_), _) => a.next(),
        (None, _) => b.next(),
    });
    from_indices(both)
}

/// Moves counts from the buckets of `from` to those of `to`; new ones are empty.
pub(crate) fn scatter<C: Copy + Default>(from: &[Span], counts: impl Iterator<Item = C>, to: &[Span]) -> Vec<C> {
    let mut old = indices(from).zip(counts).peekable();
    let new = indices(to).map(|index| {
        while old.next_if(|&(at, _)| at < index).is_some() {}
        old.next_if(|&(at, _)| at == index).map_or(C::default(), |(_, count)| count)
    });
    new.collect()
}

/// Which buckets a histogram has that the chunk lacks, and the other way round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SideFit {
    pub(crate) new_in_sample: bool,
    pub(crate) missing_in_sample: bool,
}

/// Compares a side of the chunk's last histogram with that of the next one.
/// `None` when, counted upwards, a bucket is less or a populated one is gone.
pub(crate) fn fit_side<C: Copy + Default + PartialOrd>(
    chunk: (&[Span], impl Iterator<Item = C>),
    sample: (&[Span], impl Iterator<Item = C>),
    is_counter: bool,
) -> Option<SideFit> {
    if chunk.0 == sample.0 {
        let decreased = is_counter && chunk.1.zip(sample.1).any(|(before, now)| now < before);
        return if decreased { None } else { Some(SideFit::default()) };
    }
    let mut before = indices(chunk.0).zip(chunk.1).peekable();
    let mut now = indices(sample.0).zip(sample.1).peekable();
    let mut fit = SideFit::default();
    loop {
        match (before.peek().copied(), now.peek().copied()) {
            (None, None) => return Some(fit),
            (Some((x, was)), Some((y, is))) if x == y => {
                if is_counter && is < was {
                    return None;
                }
                before.next();
                now.next();
            }
            (Some((x, was)), other) if other.is_none_or(|(y, _)| x < y) => {
                if is_counter && was > C::default() {
                    return None;
                }
                fit.missing_in_sample = true;
                before.next();
            }
            _ => {
                fit.new_in_sample = true;
                now.next();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans<const N: usize>(spans: [(i32, u32); N]) -> Vec<Span> {
        spans.map(|(offset, length)| Span { offset, length }).into()
    }

    #[test]
    fn a_union_has_the_fewest_spans() {
        let (a, b) = (spans([(-2, 1), (0, 2), (1, 0), (2, 1)]), spans([(1, 2)]));
        assert_eq!(indices(&a).collect::<Vec<_>>(), [-2, -1, 0, 4]);
        assert_eq!(union(&a, &b), spans([(-2, 5), (1, 1)]));
        assert_eq!(scatter(&b, [7, 8].into_iter(), &union(&a, &b)), [0, 0, 0, 7, 8, 0]);
    }

    #[test]
    fn a_missing_bucket_is_a_reset_only_when_populated() {
        let (wide, narrow) = (spans([(0, 3)]), spans([(0, 1), (1, 2)]));
        let fit = |counts: [i64; 3]| fit_side((&wide, counts.into_iter()), (&narrow, [1, 1, 1].into_iter()), true);
        assert_eq!(fit([1, 1, 0]), None);
        assert_eq!(fit([1, 0, 1]), Some(SideFit { new_in_sample: true, missing_in_sample: true }));
        assert_eq!(fit([2, 0, 0]), None);
    }
}
