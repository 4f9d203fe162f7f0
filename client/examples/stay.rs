//! Joins a room and stays in it across network failures: prints messages, and reports missed ones. If it has further
//! arguments, it posts each of them, and ends once the hub has confirmed them all or it has reported which failed.
//!
//! `cargo run -p bookend-client --example stay -- 127.0.0.1:3990 hello`

use std::error::Error;

use bookend_client::{Client, Dialler, Event, Hello, Message, Options, Proxy, Target};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().ok_or("HOST:PORT is missing")?.parse()?;
    stay(target, arguments.collect(), |line| println!("{line}")).await
}

pub(crate) async fn stay(
    target: Target,
    words: Vec<String>,
    mut print: impl FnMut(String),
) -> Result<(), Box<dyn Error>> {
    let proxy = Proxy::from_environment(&target)?;
    let dialler = Dialler::new(target).with_proxy(proxy);
    let hello = Hello::new().with_hub(true).with_name("stay")?;
    let (sender, mut events) = Client::connect(Options::new(dialler, hello)).await?.split();

    // Another task sends: sending must not wait for events, which are taken below.
    let posting = tokio::spawn(async move {
        let mut unconfirmed = Vec::new();
        for word in &words {
            let sent = match sender.send(word.as_str()).await {
                Ok(receipt) => receipt.await,
                Err(error) => Err(error),
            };
            unconfirmed.extend(sent.err().map(|error| format!("* {word}: {error}")));
        }
        if !words.is_empty() {
            sender.close();
        }
        unconfirmed
    });
    while let Some(event) = events.next().await {
        match event {
            Event::Message(incoming) => {
                if let Message::Delivery(delivery) = incoming.message() {
                    let text = delivery.payload.text().unwrap_or_default();
                    print(format!("{}: {}", bookend::displayed(delivery.name()), bookend::escaped(&text)));
                }
            }
            Event::Missed(missed) => print(format!("* {missed}")),
            Event::Down { error, retry_in } => print(format!("* {error}; next attempt in {retry_in:?}")),
            Event::Closed(end) => print(format!("* {end}")),
            _ => {}
        }
    }
    posting.await?.into_iter().for_each(print);
    Ok(())
}
