//! A file that is damaged: the store opens, no number is given twice, and what is missing is a hole.

mod cases;
mod every;
mod threadless;

use std::sync::Arc;

use super::kit::*;
use cases::{Case, DATABASE, Damage, LOG, run, sample, small_sample};

#[test]
fn no_number_is_given_twice_wherever_a_file_is_cut() {
    for (file, is_closed) in [(DATABASE, true), (DATABASE, false), (LOG, false)] {
        let sample = sample(is_closed);
        run(&sample, (0..sample.length(file)).step_by(97).map(|end| Case { file, damage: Damage::Cut(end) }));
    }
}

#[test]
fn no_number_is_given_twice_whichever_bit_is_flipped() {
    for (file, is_closed) in [(DATABASE, true), (LOG, false)] {
        let sample = sample(is_closed);
        run(&sample, (0..8 * sample.length(file)).step_by(331).map(|bit| Case { file, damage: Damage::Flip(bit) }));
    }
}

/// The pages are as small as SQLite permits, so that there are more of each kind, and fewer bits without a meaning.
#[test]
fn a_file_with_small_pages_is_as_good() {
    let sample = small_sample(true);
    let bits = (0..8 * sample.length(DATABASE)).step_by(61);
    run(&sample, bits.map(|bit| Case { file: DATABASE, damage: Damage::Flip(bit) }));
}

#[test]
fn a_log_whose_end_is_zeros_puts_everything_in_doubt() {
    let sample = sample(false);
    let half = sample.length(LOG) / 2;
    let found = run(&sample, [Case { file: LOG, damage: Damage::Zeros(half) }]);
    assert!((4..8).contains(&found.least), "{found:?}");
    let without_index = sample.without_index();
    assert_eq!(run(&without_index, []).least, 8);
}

#[test]
fn a_flipped_bit_in_a_message_costs_that_row_alone() {
    let sample = sample(true);
    let at = sample.position(DATABASE, b"this is number");
    let found = run(&sample, [Case { file: DATABASE, damage: Damage::Flip(8 * (at + 3)) }]);
    assert_eq!((found.least, found.aside), (7, 0));
}

#[test]
fn a_file_that_is_no_database_is_set_aside() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    dir.put(&[Some(vec![b'x'; 5_000]), None, None]);
    let history = open(&dir, &disk);
    TestRoom::open(&history, "lobby").say_safely(&history, &["x"]);
    drop(history);
    assert_eq!(dir.remove_aside(), 1);
}
