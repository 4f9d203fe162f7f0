//! Joins a room and stays there, whatever the network does: prints what is said, and what is known to have been missed.
//! Posts its further arguments first, and ends once the hub has confirmed them all, or says which it has not.
//!
//! `cargo run -p bookend-client --example stay -- 127.0.0.1:3990 hello`

use std::error::Error;

use bookend_client::{Client, Dialler, Event, Hello, Message, Options, Place, Proxy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().ok_or("HOST:PORT is missing")?.parse()?;
    stay(place, arguments.collect(), |line| println!("{line}")).await
}

pub(crate) async fn stay(
    place: Place,
    words: Vec<String>,
    mut print: impl FnMut(String),
) -> Result<(), Box<dyn Error>> {
    let proxy = Proxy::from_environment(&place)?;
    let dialler = Dialler::new(place).with_proxy(proxy);
    let hello = Hello::new().with_hub(true).with_name("stay")?;
    let (sender, mut events) = Client::connect(Options::new(dialler, hello)).await?.split();

    // The sender is another task's, so that sending does not wait for events that nobody takes.
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
                    print(format!("{}: {}", delivery.name(), bookend::escaped(&text)));
                }
            }
            Event::Missed(missed) => print(format!("* {missed}")),
            Event::Down { error, retry_in } => print(format!("* {error}; once more in {retry_in:?}")),
            Event::Closed(end) => print(format!("* {end}")),
            _ => {}
        }
    }
    posting.await?.into_iter().for_each(print);
    Ok(())
}
