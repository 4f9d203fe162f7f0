//! The eight laws of the crate `bookend-laws`, fed by generators that aim; `fuzz` feeds the same functions.

mod broken;
mod diagnoses;
mod frames;
mod generators;
mod histories;
mod messages;
mod sessions;
mod texts;
mod transfers;

use bookend_laws::{Verdict, memory::Counting};
use proptest::test_runner::{TestCaseError, TestCaseResult};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A verdict as proptest wants it.
fn holds(verdict: Verdict) -> TestCaseResult {
    verdict.map_err(TestCaseError::fail)
}
