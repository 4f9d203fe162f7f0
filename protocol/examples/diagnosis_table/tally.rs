//! How often a mistake was named right, and wrong.

use std::fmt;

use bookend::diagnosis::{Confidence, Diagnosis, Hypothesis};

use crate::Mistake;

/// The verdicts on a number of streams.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    streams: usize,
    /// The first name was right.
    first: usize,
    /// Any name was right.
    listed: usize,
    /// A wrong name was certain.
    wrong: usize,
    /// A wrong name was likely, and no right one with it.
    likely: usize,
}

impl Tally {
    /// Counts a diagnosis. True if its first name is right.
    pub(crate) fn count(&mut self, diagnosis: &Diagnosis, mistake: &Mistake) -> bool {
        let hypotheses = diagnosis.hypotheses();
        let right = |hypothesis: &Hypothesis| mistake.names.contains(&hypothesis.name());
        let stated = |confidence| hypotheses.iter().filter(move |stated| stated.confidence() == confidence);
        let silent = mistake.unnamed && hypotheses.iter().all(|stated| stated.confidence() == Confidence::Possible);
        let first = silent || hypotheses.first().is_some_and(right);
        let sure = hypotheses.first().is_some_and(|first| first.confidence() == Confidence::Likely);
        self.streams += 1;
        self.first += usize::from(first);
        self.listed += usize::from(silent || hypotheses.iter().any(right));
        self.wrong += usize::from(stated(Confidence::Certain).any(|stated| !right(stated)));
        self.likely += usize::from(sure && !stated(Confidence::Likely).any(right));
        first
    }

    pub(crate) fn add(&mut self, other: &Tally) {
        self.streams += other.streams;
        self.first += other.first;
        self.listed += other.listed;
        self.wrong += other.wrong;
        self.likely += other.likely;
    }

    /// Streams for which a wrong name was certain or likely.
    pub(crate) fn mistaken(&self) -> usize {
        self.wrong + self.likely
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |count: usize| format!("{:.1}%", 100.0 * count as f64 / self.streams as f64);
        write!(
            f,
            "{:>7} {:>7} {:>7} {:>7}",
            percent(self.first),
            percent(self.listed),
            self.wrong,
            percent(self.likely)
        )
    }
}
