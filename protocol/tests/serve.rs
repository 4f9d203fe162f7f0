//! A service and its shutdown, over in-memory streams and paused time.
#![cfg(feature = "tokio")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Handle, Hello, OwnedPayload, Refused, Serve};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

type Ended = JoinHandle<Result<(), ConnectionError>>;

/// A client's handle, the service's handle, and the service.
async fn service(
    requests: u32,
    serve: impl FnOnce(Connection<DuplexStream>) -> Serve<'static, DuplexStream>,
) -> (Handle, Handle, Ended) {
    let (near, far) = duplex(1 << 16);
    let hello = Hello::new().with_requests(requests);
    let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, hello));
    let (_, handle, driver) = near.expect("the client opens").split();
    tokio::spawn(driver);
    let far = far.expect("the server opens");
    (handle, far.handle(), tokio::spawn(serve(far)))
}

fn text(payload: &OwnedPayload) -> String {
    payload.text().expect("text").into_owned()
}

fn ask(handle: &Handle, question: String) -> JoinHandle<Result<String, ConnectionError>> {
    let handle = handle.clone();
    tokio::spawn(async move { Ok(handle.request(&question, 60 * SECOND).await?.text().expect("text").to_owned()) })
}

fn is_refused(result: &Result<impl Sized, ConnectionError>, code: Code) -> bool {
    matches!(result, Err(ConnectionError::Refused { code: found, .. }) if *found == code)
}

/// Counts itself while it lives.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(count: &Arc<AtomicUsize>) -> Running {
        count.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn handlers_run_at_the_same_time_and_answer_or_refuse() {
    let (handle, _, served) = service(64, |connection| {
        connection.serve(async |question: OwnedPayload| {
            let seconds: u64 = text(&question).parse().map_err(|_| Refused::new(Code::POLICY, "a number"))?;
            sleep(Duration::from_secs(seconds)).await;
            Ok(format!("slept {seconds}"))
        })
    })
    .await;
    let since = Instant::now();
    let asked: Vec<_> = ["3", "1", "two", "3"].into_iter().map(|text| ask(&handle, text.into())).collect();
    let mut answers = Vec::new();
    for answer in asked {
        answers.push(answer.await.unwrap());
    }
    assert_eq!(since.elapsed().as_secs(), 3);
    assert_eq!(answers[0].as_deref().ok(), Some("slept 3"));
    assert_eq!(answers[1].as_deref().ok(), Some("slept 1"));
    assert!(is_refused(&answers[2], Code::POLICY));
    handle.close(Code::NORMAL, "").await;
    served.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_more_handlers_run_than_permitted_and_the_others_wait() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (handle, _, _served) = service(1000, |connection| {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        connection
            .serve(move |_| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                async move {
                    let running = Running::new(&running);
                    most.fetch_max(running.0.load(Ordering::Relaxed), Ordering::Relaxed);
                    sleep(SECOND).await;
                    Ok("done")
                }
            })
            .with_handlers(10)
    })
    .await;
    let since = Instant::now();
    let mut asking: JoinSet<_> = (0..100).map(|number| ask(&handle, format!("{number}"))).collect();
    while let Some(answered) = asking.join_next().await {
        answered.unwrap().unwrap().unwrap();
    }
    assert_eq!((most.load(Ordering::Relaxed), since.elapsed().as_secs()), (10, 10));
}

#[tokio::test(start_paused = true)]
async fn cancelled_request_drops_its_handler_and_a_rapid_reset_starts_few() {
    let (running, started) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (handle, _, _served) = service(64, |connection| {
        let (running, started) = (Arc::clone(&running), Arc::clone(&started));
        connection
            .serve(move |question| {
                let (running, started) = (Arc::clone(&running), Arc::clone(&started));
                async move {
                    let _running = Running::new(&running);
                    started.fetch_add(1, Ordering::Relaxed);
                    if text(&question) == "never" {
                        std::future::pending::<()>().await;
                    }
                    Ok("done")
                }
            })
            .with_handlers(4)
    })
    .await;
    let asking: Vec<_> = (0..20).map(|_| ask(&handle, "never".into())).collect();
    sleep(SECOND).await;
    assert_eq!(running.load(Ordering::Relaxed), 4);
    asking.iter().for_each(JoinHandle::abort);
    assert_eq!(ask(&handle, "now".into()).await.unwrap().unwrap(), "done");
    assert_eq!(running.load(Ordering::Relaxed), 0, "every handler was dropped");
    let before = started.load(Ordering::Relaxed);
    assert!(before < 20, "those that waited were never started: {before}");
    for _ in 0..10_000 {
        let mut asking = std::pin::pin!(handle.request("never", SECOND));
        let _ = std::future::poll_fn(|cx| std::task::Poll::Ready(asking.as_mut().poll(cx))).await;
        assert!(running.load(Ordering::Relaxed) <= 4);
    }
    handle.barrier().await.unwrap();
    assert_eq!(running.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn shutdown_refuses_new_requests_finishes_those_in_flight_and_closes() {
    // [R7.7]
    let gate = Arc::new(Semaphore::new(0));
    let (handle, service_handle, served) = service(64, |connection| {
        let gate = Arc::clone(&gate);
        connection.serve(move |_| {
            let gate = Arc::clone(&gate);
            async move {
                let _ = gate.acquire().await;
                Ok("finished")
            }
        })
    })
    .await;
    let in_flight = ask(&handle, "1".into());
    sleep(SECOND).await;
    let shutdown = tokio::spawn(async move { service_handle.shut_down(30 * SECOND).await });
    sleep(SECOND).await;
    assert!(is_refused(&ask(&handle, "2".into()).await.unwrap(), Code::GOING_AWAY));
    assert!(!shutdown.is_finished());
    gate.add_permits(1);
    assert_eq!(in_flight.await.unwrap().unwrap(), "finished");
    timeout(SECOND, shutdown).await.unwrap().unwrap().unwrap();
    served.await.unwrap().unwrap();
    assert!(matches!(handle.closed().await, ConnectionError::Closed { code: Code::GOING_AWAY, .. }));
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_no_longer_than_its_grace() {
    let (handle, service_handle, served) = service(64, |connection| {
        connection.serve(async |_| {
            std::future::pending::<()>().await;
            Ok("never")
        })
    })
    .await;
    let in_flight = ask(&handle, "1".into());
    sleep(SECOND).await;
    let since = Instant::now();
    service_handle.shut_down(5 * SECOND).await.unwrap();
    assert_eq!(since.elapsed().as_secs(), 5);
    served.await.unwrap().unwrap();
    assert!(matches!(in_flight.await.unwrap(), Err(ConnectionError::Closed { code: Code::GOING_AWAY, .. })));
    service_handle.shut_down(SECOND).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn other_messages_go_to_the_function_for_messages() {
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let (handle, _, _served) = service(64, |connection| {
        connection.serve(async |_| Ok("x")).with_messages(move |message| {
            let _ = sender.send(message.into_payload().map(|payload| text(&payload))); // the test may be over
        })
    })
    .await;
    handle.send("hello").await.unwrap();
    assert_eq!(received.recv().await.unwrap().unwrap(), "hello");
}
