//! Recognises dumps with offsets: finds the layout that fits their rows.

use super::notation::{Notation, Shape, TABLE};
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
        let digits = digits(sample, prefixed, colon);
        if digits == 0 {
            continue;
        }
        // od and hexdump print the words of the computer, which is little-endian, after 6 or 7 digits.
        let of_computer = !colon && !prefixed && matches!(digits, 6 | 7);
        for &notation in TABLE.iter().filter(|notation| !(of_computer && notation.shape == Shape::Hex(None))) {
            for radix in [16, 8, 10] {
                let columns = columns(sample, prefixed, colon, notation);
                let layout = Layout { notation, radix, prefixed, colon, columns };
                match evidence(sample, layout) {
                    Ok(found) if found.rows == 0 => {}
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
    if let Some(doubt) = doubt(layout, found, digits, group(sample, layout)) {
        return Err(format!("{form}: {doubt}"));
    }
    Ok(Some(Fit::new(form, move || Rows::new(layout))))
}

/// The number of digits of the first offset of this style. 0 if there is none.
fn digits(sample: &Sample<'_>, prefixed: bool, colon: bool) -> usize {
    let all = sample.whole().take(MAX_LINES).flat_map(row::offsets);
    let mut alike = all.filter(|offset| offset.prefixed == prefixed && offset.colon == colon);
    alike.next().map_or(0, |offset| offset.digits.len())
}

/// The number of digits of the first value.
fn group(sample: &Sample<'_>, layout: Layout) -> usize {
    let offsets = sample.whole().take(MAX_LINES).flat_map(row::offsets);
    let alike = offsets.filter(|offset| offset.prefixed == layout.prefixed && offset.colon == layout.colon);
    let mut rows = alike.filter(|offset| row::values(offset.rest, layout.notation).is_some());
    rows.next().and_then(|offset| offset.rest.split_whitespace().next()).map_or(0, str::len)
}

/// The columns of two sides, if the rows have two, a tab or four blanks apart.
fn columns(sample: &Sample<'_>, prefixed: bool, colon: bool, notation: Notation) -> Option<(usize, usize)> {
    if prefixed || colon {
        return None;
    }
    let mut found: Vec<usize> = Vec::new();
    for line in sample.whole() {
        let offset = row::offsets(line).find(|offset| {
            let is_alike = !offset.prefixed && !offset.colon && offset.digits.len() == 8;
            is_alike && row::values(offset.rest, notation).is_some()
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

/// Tries a layout. `Err` if it does not fit; the reason, if it nearly does.
fn evidence(sample: &Sample<'_>, layout: Layout) -> Result<Evidence, Option<String>> {
    let (mut rows, mut out) = (Rows::new(layout), Out::default());
    let lines = sample.lines.iter().take(MAX_LINES);
    let is_all = sample.complete && sample.lines.len() <= MAX_LINES;
    for line in lines {
        rows.line(*line, &mut out).map_err(|why| reason(&rows.evidence, why))?;
    }
    if is_all {
        rows.end(&mut out).map_err(|why| reason(&rows.evidence, why))?;
    }
    Ok(rows.evidence)
}

/// A layout that read several rows is worth its reason.
fn reason(evidence: &Evidence, why: String) -> Option<String> {
    (evidence.lengths + evidence.agree >= 1).then(|| format!("rows with offsets: {why}"))
}

/// Later layouts of the table have to show more evidence.
fn is_better(layout: Layout, new: Evidence, old_layout: Layout, old: Evidence) -> bool {
    let is_decided = |evidence: Evidence| evidence.decide > 0 && evidence.disagree == 0;
    let score = |layout: Layout, evidence: Evidence| {
        let short = u64::from(layout.notation.width == 0 && layout.colon);
        let agree = evidence.agree as u64 * 4;
        (is_decided(evidence), (evidence.rows + evidence.lengths) as u64 + agree, short)
    };
    score(layout, new) > score(old_layout, old)
}

/// Why the layout is not certain.
fn doubt(layout: Layout, found: Evidence, digits: usize, group: usize) -> Option<String> {
    let Notation { shape, width, .. } = layout.notation;
    let is_decided = found.decide > 0 && found.disagree == 0;
    let of_computer = !layout.colon && !layout.prefixed && matches!(digits, 6 | 7);
    match shape {
        Shape::Hex(Some(2)) => None,
        Shape::Hex(_) if of_computer || is_decided || group <= 2 => None,
        // xxd, tcpdump
        Shape::Hex(None) if layout.colon && !matches!(group, 8 | 16) => None,
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
    let Layout { notation, radix, prefixed, colon, columns } = layout;
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
