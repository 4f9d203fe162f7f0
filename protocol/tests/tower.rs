//! Requests and services as a `Service` of tower, over in-memory streams and paused time.
#![cfg(feature = "tower")]

use std::convert::Infallible;
use std::error::Error;
use std::future::{Ready, poll_fn, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Driver, Handle, Hello, OwnedPayload, Refused};
use tokio::io::{DuplexStream, duplex};
use tokio::time::{sleep, timeout};
use tower_service::Service;

const SECOND: Duration = Duration::from_secs(1);

async fn pair(requests: u32) -> (Handle, Driver<DuplexStream>, Connection<DuplexStream>) {
    let (near, far) = duplex(1 << 16);
    let hello = Hello::new().with_requests(requests);
    let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, hello));
    let (_, handle, driver) = near.expect("the client opens").split();
    (handle, driver, far.expect("the server opens"))
}

/// Answers with the text in capitals, and refuses what is binary.
#[derive(Clone)]
struct Capitals;

impl Service<OwnedPayload> for Capitals {
    type Response = String;
    type Error = Refused;
    type Future = Ready<Result<String, Refused>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, payload: OwnedPayload) -> Self::Future {
        ready(match payload.text() {
            Some(text) => Ok(text.to_uppercase()),
            None => Err(Refused::new(Code::POLICY, "send text")),
        })
    }
}

/// Answers late, and never fails.
#[derive(Clone)]
struct Late(Duration);

impl Service<OwnedPayload> for Late {
    type Response = &'static str;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<&'static str, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: OwnedPayload) -> Self::Future {
        let after = sleep(self.0);
        Box::pin(async {
            after.await;
            Ok("late")
        })
    }
}

/// As middleware of tower does: it is ready after a while, and its errors are boxed.
#[derive(Clone)]
struct Boxing<T>(T, bool);

impl<T> Service<OwnedPayload> for Boxing<T>
where
    T: Service<OwnedPayload, Response = String, Error = Refused, Future = Ready<Result<String, Refused>>>,
{
    type Response = String;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<String, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if !std::mem::replace(&mut self.1, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, payload: OwnedPayload) -> Self::Future {
        assert!(self.1, "not ready");
        if payload.text().as_deref() == Some("fail") {
            return Box::pin(ready(Err("a secret of this side".into())));
        }
        let answer = self.0.call(payload);
        Box::pin(async { Ok(answer.await?) })
    }
}

fn code(result: &Result<bookend::Reply, ConnectionError>) -> (Code, &str) {
    match result {
        Err(ConnectionError::Refused { code, reason }) => (*code, reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn service_answers_requests_of_a_service() {
    let (handle, driver, far) = pair(64).await;
    tokio::spawn(driver);
    tokio::spawn(far.serve_service(Boxing(Capitals, false)));
    let mut asking = handle.service(SECOND);
    poll_fn(|cx| asking.poll_ready(cx)).await.unwrap();
    let first = asking.call("one".into());
    poll_fn(|cx| asking.poll_ready(cx)).await.unwrap();
    let second = asking.call("two".into());
    assert_eq!(second.await.unwrap().text(), Some("TWO"));
    assert_eq!(first.await.unwrap().text(), Some("ONE"));
    // Without `poll_ready` too.
    assert_eq!(code(&asking.call(vec![0].into()).await), (Code::POLICY, "policy: send text"));
    assert_eq!(code(&asking.call("fail".into()).await), (Code::INTERNAL, "internal"));
}

#[tokio::test(start_paused = true)]
async fn service_is_ready_while_the_peer_permits_a_request() {
    let (handle, driver, far) = pair(1).await;
    tokio::spawn(driver);
    tokio::spawn(far.serve_service(Late(5 * SECOND)));
    let mut one = handle.service(60 * SECOND);
    let mut two = one.clone();
    poll_fn(|cx| one.poll_ready(cx)).await.unwrap();
    poll_fn(|cx| one.poll_ready(cx)).await.expect("ready until it is called");
    assert!(timeout(SECOND, poll_fn(|cx| two.poll_ready(cx))).await.is_err(), "the other is ready for the only one");
    let mut answer = pin!(one.call("?".into()));
    assert!(timeout(SECOND, poll_fn(|cx| two.poll_ready(cx))).await.is_err(), "one is unanswered");
    assert_eq!(answer.as_mut().await.unwrap().text(), Some("late"));
    poll_fn(|cx| two.poll_ready(cx)).await.unwrap();
    drop(two);
    poll_fn(|cx| one.poll_ready(cx)).await.expect("what is ready and dropped gives its place back");
}

#[tokio::test(start_paused = true)]
async fn call_times_out_and_a_service_whose_session_has_ended_is_not_ready() {
    let (handle, driver, far) = pair(64).await;
    let driver = tokio::spawn(driver);
    let served = tokio::spawn(far.serve_service(Late(60 * SECOND)));
    let mut asking = handle.service(SECOND);
    poll_fn(|cx| asking.poll_ready(cx)).await.unwrap();
    assert!(matches!(asking.call("?".into()).await, Err(ConnectionError::Timeout)));
    poll_fn(|cx| asking.poll_ready(cx)).await.unwrap();
    handle.close(Code::NORMAL, "").await;
    driver.await.unwrap().unwrap();
    served.await.unwrap().unwrap();
    assert!(poll_fn(|cx| asking.poll_ready(cx)).await.is_err());
    assert!(asking.call("?".into()).await.is_err());
    assert!(poll_fn(|cx| asking.clone().poll_ready(cx)).await.is_err());
}
