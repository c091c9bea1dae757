//! Plain series: the text of a series found without looking at its tokens.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// What a byte may be part of.
const NAME: u8 = 1;
const LABEL: u8 = 2;
const START: u8 = 4;
static CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        if b.is_ascii_alphabetic() || b == b'_' {
            class[byte] = NAME | LABEL | START;
        } else if b.is_ascii_digit() {
            class[byte] = NAME | LABEL;
        } else if b == b':' {
            class[byte] = NAME;
        }
        byte += 1;
    }
    class
};

#[inline(always)]
fn is(byte: u8, class: u8) -> bool {
    CLASS[byte as usize] & class != 0
}

/// The length of the series at the start of `line` when it is plain ASCII without
/// blanks, quoted names and control bytes; both formats read it the same way then.
#[inline]
pub(crate) fn plain_series_len(line: &[u8]) -> Option<usize> {
    let first = *line.first()?;
    if !is(first, START) && first != b':' {
        return None;
    }
    let mut at = 1 + line[1..].iter().position(|&byte| !is(byte, NAME))?;
    if line[at] != b'{' {
        return Some(at);
    }
    at += 1;
    loop {
        let byte = *line.get(at)?;
        if byte == b'}' {
            return Some(at + 1);
        }
        if !is(byte, START) {
            return None;
        }
        at += line[at..].iter().position(|&byte| !is(byte, LABEL))?;
        if line.get(at..at + 2)? != b"=\"" {
            return None;
        }
        at = plain_value_end(line, at + 2)? + 1;
        match line.get(at)? {
            b',' => at += 1,
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Where the quote is that ends the label value starting at `at`.
#[inline(always)]
fn plain_value_end(line: &[u8], mut at: usize) -> Option<usize> {
    loop {
        if let Some(chunk) = line.get(at..at + 8) {
            let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
            let zero = |word: u64| word.wrapping_sub(ONES) & !word;
            let control = word.wrapping_sub(ONES * 0x20) & !word;
            let stops =
                (zero(word ^ (ONES * b'"' as u64)) | zero(word ^ (ONES * b'\\' as u64)) | control | word) & HIGHS;
            if stops == 0 {
                at += 8;
                continue;
            }
            at += (stops.trailing_zeros() / 8) as usize;
        }
        match *line.get(at)? {
            b'"' => return Some(at),
            b'\\' if line.get(at + 1).is_some_and(|byte| (0x20..0x80).contains(byte)) => at += 2,
            0x20..0x80 => at += 1,
            _ => return None,
        }
    }
}
