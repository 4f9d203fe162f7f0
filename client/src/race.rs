//! The first of two futures: `tokio::select!` would bring the procedural macros of tokio into every program.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// The output of the future that was ready first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum First<A, B> {
    One(A),
    Other(B),
}

/// Waits for either future, and drops the other. If both are ready, `one` counts.
pub(crate) async fn race<A: Future, B: Future>(one: A, other: B) -> First<A::Output, B::Output> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|cx| match one.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(First::One(output)),
        Poll::Pending => other.as_mut().poll(cx).map(First::Other),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[tokio::test]
    async fn first_that_is_ready_counts_and_the_one_before_the_other() {
        assert_eq!(race(ready(1), ready("a")).await, First::One(1));
        assert_eq!(race(pending::<u8>(), ready("a")).await, First::Other("a"));
        assert_eq!(race(ready(1), pending::<u8>()).await, First::One(1));
    }
}
