//! `/last` and `/search` at a hub that has kept messages.

use bookend_testing::hub::History;

use super::*;

/// Enters the lines, and returns the output after the list of members, and the errors.
async fn entered(format: OutputFormat, history: History, lines: &[&str]) -> (String, String) {
    let run = Run::new();
    let options = ChatOptions { format, ..PLAIN };
    let (ended, posted) = run
        .run(&options, async |far, typing| {
            let mut hub = Hub::with_history(far, history).await;
            typing.send(typed(lines)).await.unwrap();
            drop(typing);
            hub.rest().await.0
        })
        .await;
    assert!(ended.is_ok());
    assert_eq!(posted, [], "a command is never posted");
    let output = run.output();
    let (_, rest) = output.split_once(if format == OutputFormat::Json { "\"ann\"}\n" } else { "ann here\n" }).unwrap();
    (rest.to_owned(), run.errors())
}

/// A history of old messages: their date is shown. Noon is the same day in most time zones.
fn history(numbers: impl IntoIterator<Item = u64>) -> History {
    let mut history = History::of(numbers);
    history.messages.iter_mut().for_each(|message| message.1 = 1_000_000_000_000);
    history
}

/// The lines without the time of each message.
fn without_times(output: &str) -> Vec<String> {
    output
        .lines()
        .map(|line| match line.split_once(" bob: ") {
            Some((start, rest)) => {
                assert!(start.starts_with("* 2001-09-09 ") && start.len() == 18, "{start:?}");
                format!("bob: {rest}")
            }
            None => line.to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn the_last_messages_are_printed_with_their_times_and_what_is_missing() {
    let history = history((5..=8).chain(10..=12));
    let (output, errors) = entered(OutputFormat::Plain, history.clone(), &["/last 4"]).await;
    assert_eq!(errors, "");
    let tail = ["bob: message 8", "* 1 message is not kept", "bob: message 10", "bob: message 11", "bob: message 12"];
    assert_eq!(without_times(&output), tail);
    // The hub sends two at a time.
    let (output, _) = entered(OutputFormat::Plain, History { page: 2, ..history.clone() }, &["/last"]).await;
    let all = ["* 4 older messages are not kept", "bob: message 5", "bob: message 6", "bob: message 7"];
    assert_eq!(without_times(&output), [&all[..], &tail].concat());
    let (output, _) = entered(OutputFormat::Plain, History::of([]), &["/last"]).await;
    assert_eq!(output, "* nothing is kept\n");
}

#[tokio::test]
async fn long_messages_are_not_all_in_memory_at_the_same_time() {
    let mut history = History { page: 1, ..history(1..=60) };
    history.messages.iter_mut().for_each(|message| message.2 = "x".repeat(1 << 19));
    let (output, errors) = entered(OutputFormat::Plain, history, &["/last 50"]).await;
    assert_eq!(output.lines().count(), 32);
    assert_eq!(errors, "bookend: only the last 32 messages are shown: together they are 16 MiB\n");
}

#[tokio::test]
async fn a_search_prints_the_last_messages_that_contain_the_text() {
    let (output, errors) = entered(OutputFormat::Plain, history(1..=30), &["/search MESSAGE 2", "/search tea"]).await;
    assert_eq!(errors, "");
    let mut found: Vec<_> = (20..=29).map(|number| format!("bob: message {number}")).collect();
    found.push("* no message that is kept contains that".into());
    assert_eq!(without_times(&output), found);
}

#[tokio::test]
async fn objects_of_kept_messages_cannot_be_taken_for_new_ones() {
    let (output, _) = entered(OutputFormat::Json, history([2, 4]), &["/last 2"]).await;
    let message = |seq: u64| {
        format!(
            "{{\"event\":\"kept\",\"from\":7,\"name\":\"bob\",\"to\":0,\"seq\":{seq},\"time\":1000000000000,\
             \"encoding\":2,\"text\":\"message {seq}\"}}\n"
        )
    };
    let missing = "{\"event\":\"not-kept\",\"missed\":1}\n";
    assert_eq!(output, [missing, &message(2), missing, &message(4)].concat());
}

#[tokio::test]
async fn a_mistake_is_one_line_and_asks_for_nothing() {
    for (line, error) in [
        ("/last x", "bookend: line 1: /last N: N is a number of messages, at least 1\n"),
        ("/last 10001", "bookend: line 1: /last N: N is at most 10000 here\n"),
        ("/search", "bookend: line 1: /search TEXT: TEXT is what to look for, 1 to 256 bytes\n"),
    ] {
        assert_eq!(entered(OutputFormat::Plain, history(1..=3), &[line]).await, (String::new(), error.into()));
    }
}
