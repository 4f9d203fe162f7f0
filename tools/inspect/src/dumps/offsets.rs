//! Recognises dumps with offsets: finds the layout that fits their rows.

use super::notation::{BYTES, Notation, Shape, TABLE};
use super::piece::{Decoder, Fit, Fitting, Out, Sample};
use super::row;
use super::rows::{Evidence, Layout, Rows};

/// The most lines on which layouts are tried.
const MAX_LINES: usize = 80;

/// Finds the layout of the rows.
pub(super) fn fit(sample: &Sample<'_>) -> Fitting {
    let mut best: Option<(Layout, Evidence, usize)> = None;
    let mut why = None;
    for (prefixed, colon) in [(false, true), (false, false), (true, true), (true, false)] {
        let Some((word, digits)) = place(sample, prefixed, colon) else { continue };
        let of_computer = is_of_computer(prefixed, colon, digits);
        let columns = columns(sample, prefixed, colon);
        let is_possible = |shape: Shape| match shape {
            Shape::Hex(None) => !of_computer,
            Shape::ShortOctal | Shape::Quoted => prefixed && colon,
            Shape::Characters => of_computer,
            _ => true,
        };
        let radices: &[u32] = if prefixed { &[16] } else { &[16, 8, 10] };
        for &notation in TABLE.iter().filter(|notation| is_possible(notation.shape)) {
            // xxd -e shortens the last value, and od fills it.
            let notation = Notation { short: colon, ..notation };
            for &radix in radices {
                let layout = Layout { notation, radix, prefixed, colon, word, columns };
                match evidence(sample, layout) {
                    Ok(found) if found.rows == 0 || !is_evident(sample, layout, found, digits) => {}
                    Ok(found) if best.is_none_or(|(old, evidence, _)| is_better(layout, found, old, evidence)) => {
                        best = Some((layout, found, digits));
                    }
                    Ok(_) => {}
                    Err(error) => why = why.or(error),
                }
            }
        }
    }
    let Some((layout, found, digits)) = best else {
        return why.map_or(Ok(None), Err);
    };
    let form = name(layout, found, digits);
    if let Some(doubt) = doubt(layout, found, digits, &first_value(sample, layout)) {
        return Err(format!("{form}: {doubt}"));
    }
    Ok(Some(Fit::new(form, move || Rows::new(layout))))
}

/// The number of words before the offsets of this style, and the number of digits of the first one.
fn place(sample: &Sample<'_>, prefixed: bool, colon: bool) -> Option<(usize, usize)> {
    let all = sample.whole().take(MAX_LINES).flat_map(row::offsets);
    let alike = all.filter(|offset| offset.prefixed == prefixed && offset.colon == colon);
    let mut found: Vec<(usize, usize, usize)> = Vec::new(); // the words before it, the digits, and how often
    for offset in alike {
        match found.iter_mut().find(|(word, ..)| *word == offset.word) {
            Some((.., count)) => *count += 1,
            None => found.push((offset.word, offset.digits.len(), 1)),
        }
    }
    let most = found.iter().map(|(.., count)| *count).max()?;
    found.sort_unstable();
    found.into_iter().find(|(.., count)| 2 * count >= most).map(|(word, digits, _)| (word, digits))
}

/// What follows the first offset: blanks and values.
fn first_value(sample: &Sample<'_>, layout: Layout) -> String {
    let offsets = sample.whole().take(MAX_LINES).flat_map(row::offsets);
    let alike = offsets.filter(|offset| {
        offset.prefixed == layout.prefixed && offset.colon == layout.colon && offset.word == layout.word
    });
    let mut rows = alike.filter(|offset| row::values(offset.rest, layout.notation).is_some());
    rows.next().map_or("", |offset| offset.rest).to_owned()
}

/// The columns of two sides, if the rows have two, a tab or four blanks apart.
fn columns(sample: &Sample<'_>, prefixed: bool, colon: bool) -> Option<(usize, usize)> {
    if prefixed || colon {
        return None;
    }
    let mut found: Vec<usize> = Vec::new();
    for line in sample.whole() {
        let offset = row::offsets(line).find(|offset| {
            let is_alike = !offset.prefixed && !offset.colon && offset.digits.len() == 8;
            is_alike && row::values(offset.rest, BYTES).is_some()
        });
        if let Some(offset) = offset
            && !found.contains(&offset.column)
        {
            found.push(offset.column);
        }
    }
    found.sort_unstable();
    match found[..] {
        [client, server] if server - client == 4 => Some((client, server)),
        _ => None,
    }
}

/// Without a colon, the first digits of a row may be bytes as well: an offset is 0, or the next one agrees with it.
fn is_evident(sample: &Sample<'_>, layout: Layout, found: Evidence, digits: usize) -> bool {
    let is_zero = || {
        let offsets = sample.whole().take(MAX_LINES).filter_map(|line| row::offsets(line).next());
        let first = offsets.into_iter().find(|offset| row::values(offset.rest, layout.notation).is_some());
        first.is_some_and(|offset| offset.digits.bytes().all(|digit| digit == b'0'))
    };
    let is_odd = digits == 7 || layout.notation.shape == Shape::Hex(Some(2));
    layout.colon || layout.prefixed || found.lengths + found.agree > 0 || (is_odd && is_zero())
}

/// Tries a layout. `Err` if it does not fit; the reason, if it nearly does.
fn evidence(sample: &Sample<'_>, layout: Layout) -> Result<Evidence, Option<String>> {
    let (mut rows, mut out) = (Rows::new(layout), Out::discarding());
    let lines = sample.lines.iter().take(MAX_LINES);
    let is_all = sample.complete && sample.lines.len() <= MAX_LINES;
    for line in lines {
        rows.line(*line, &mut out).map_err(|why| reason(&rows.evidence, why))?;
    }
    if is_all {
        rows.end(&mut out).map_err(|why| reason(&rows.evidence, why))?;
    }
    // Only the characters beside hexadecimal digits may be others than those of the bytes.
    let is_hex = matches!(layout.notation.shape, Shape::Hex(_) | Shape::Binary(_));
    let evidence = rows.evidence;
    let Evidence { rows, disagree, unread, .. } = evidence;
    if (disagree > 0 && !is_hex) || 4 * unread > rows { Err(None) } else { Ok(evidence) }
}

/// A layout that read several rows is worth its reason.
fn reason(evidence: &Evidence, why: String) -> Option<String> {
    (evidence.lengths + evidence.agree >= 1).then(|| format!("rows with offsets: {why}"))
}

/// od and hexdump print the words of the computer, which is little-endian, after 6 or 7 digits.
fn is_of_computer(prefixed: bool, colon: bool, digits: usize) -> bool {
    !colon && !prefixed && matches!(digits, 6 | 7)
}

/// Later layouts of the table have to show more evidence.
fn is_better(layout: Layout, new: Evidence, old_layout: Layout, old: Evidence) -> bool {
    let score = |layout: Layout, evidence: Evidence| {
        let short = u64::from(layout.notation.width == 0 && layout.colon);
        let agree = evidence.agree as u64 * 4;
        (evidence.is_decided(), (evidence.rows + evidence.lengths) as u64 + agree, short)
    };
    score(layout, new) > score(old_layout, old)
}

/// Why the layout is not certain.
fn doubt(layout: Layout, found: Evidence, digits: usize, first: &str) -> Option<String> {
    let group = first.split_whitespace().next().map_or(0, str::len);
    // xxd -e writes the end of a row to the right.
    let is_right = group == 4 && first.starts_with("   ");
    let Notation { shape, width, .. } = layout.notation;
    let of_computer = is_of_computer(layout.prefixed, layout.colon, digits);
    match shape {
        Shape::Hex(Some(2)) => None,
        Shape::Hex(_) if of_computer || found.is_decided() || group <= 2 => None,
        // xxd, tcpdump
        Shape::Hex(None) if layout.colon && !matches!(group, 8 | 16) && !is_right => None,
        Shape::Hex(_) => Some(
            "it prints words, and nothing shows in which order their bytes are: use xxd without -e, or hexdump -C"
                .into(),
        ),
        Shape::Decimal(None) if width > 1 && found.lengths == 0 => {
            Some("it prints decimal words whose size is not known: use xxd or hexdump -C".into())
        }
        _ => None,
    }
}

/// The name of the form.
fn name(layout: Layout, found: Evidence, digits: usize) -> String {
    let Layout { notation, radix, prefixed, colon, columns, .. } = layout;
    let text = found.agree > 0;
    let is_bytes = notation.shape == Shape::Hex(Some(2));
    let name = match (prefixed, colon, notation.shape) {
        (true, true, Shape::Hex(_)) if digits == 4 => {
            if text {
                "tcpdump -X"
            } else {
                "tcpdump -x"
            }
        }
        (true, true, _) => return format!("gdb or lldb, {}", notation.name),
        (_, true, Shape::Binary(_)) => "xxd -b",
        (_, true, Shape::Hex(_)) if notation.little => "xxd -e",
        (false, true, Shape::Hex(_)) => "xxd",
        (false, false, _) if columns.is_some() => "Wireshark Follow, hex dump of both sides",
        (false, false, _) if is_bytes && digits == 4 => "Wireshark, bytes of packets",
        (false, false, _) if is_bytes && digits == 8 && text => "hexdump -C",
        (false, false, _) if digits == 6 || radix == 8 => return format!("od, {}", notation.name),
        (false, false, _) if digits == 7 => return format!("hexdump or od, {}", notation.name),
        _ => return format!("rows with offsets, {}", notation.name),
    };
    name.into()
}
