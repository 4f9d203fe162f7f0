//! The check of what a hub has kept.

use bookend::{Code, Encoding, Frame, kind};
use bookend_server::Config;

use crate::peer::{self, whole, with_body};
use crate::{ANSWER_TIMEOUT, checks, examine, hub, hub_with, quick, row};

#[tokio::test]
async fn hub_without_history_is_not_a_fault_and_one_that_keeps_little_is_warned_of() {
    let (address, serving) = peer::relay(hub().await, history_is_policy).await;
    let (code, rows, _) = examine(address, &ANSWER_TIMEOUT).await;
    serving.abort();
    assert_eq!((code, checks(&rows, "fails")), (Some(0), vec![]));
    let history = row(&rows, "hub-history");
    assert_eq!(history["verdict"], "not-applicable");
    assert_eq!(history["seen"], "the hub offers no history: ERROR 1008: policy");

    let (code, rows, _) = examine(hub_with(Config { log_bytes: 0, ..quick() }).await, &ANSWER_TIMEOUT).await;
    // Members that are slow miss what such a room does not keep, so that other rows may fail.
    assert!(code.is_some() && checks(&rows, "warns").contains(&"hub-history"), "{rows:?}");
    let seen = row(&rows, "hub-history")["seen"].as_str().unwrap();
    assert!(seen.starts_with("1 of 3 messages that have just been said are kept, since 20"), "{seen}");
}

/// The answer of a hub that keeps nothing, or is of an earlier version.
fn history_is_policy(frame: Frame<'_>) -> Vec<u8> {
    match frame.body().get(..4).filter(|_| frame.kind() == kind::REPLY) {
        Some(id) => {
            let body = [id, &[0; 4], &Code::POLICY.0.to_be_bytes(), b"policy"].concat();
            whole(Frame::new(kind::ERROR, Encoding::Ascii, &body).expect("it is short"))
        }
        None => whole(frame),
    }
}

/// Without the GAP at the start of a page.
pub(crate) fn page_start_lost(frame: Frame<'_>) -> Vec<u8> {
    let id = frame.body().get(..4).filter(|_| frame.kind() == kind::REPLY);
    let page = id.and_then(|_| Frame::split_first(&frame.body()[4..]));
    match (id, page) {
        (Some(id), Some((first, rest))) if first.kind() == kind::GAP => with_body(frame, &[id, rest].concat()),
        _ => whole(frame),
    }
}
