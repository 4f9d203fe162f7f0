//! `bookend listen`: prints what is said in a room.

use std::ops::ControlFlow;

use bookend::{Code, Message};
use bookend_client::Client;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::console::Console;
use crate::receive::{Ended, Failure, Form, is_said, receive};

/// Prints until `count` messages have come, the hub closes, or nobody reads on.
pub(crate) async fn listen<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: Client<S>,
    form: Form,
    count: Option<u64>,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let own = client.own();
    let mut first = Vec::new();
    if let Some(welcome) = client.welcome() {
        form.print(&welcome.message(), own, &mut first);
    }
    if console.print(first).await.is_err() {
        return Ok(());
    }
    let mut left = count;
    let ended = receive(client.connection(), console, interrupt, |message, lines| {
        if form == Form::Raw
            && let Message::Gap { missed } = message
        {
            console.complain(format_args!("{missed} messages were missed"));
        }
        form.print(message, own, lines);
        match &mut left {
            Some(left) if is_said(message) => {
                *left -= 1;
                if *left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
            _ => ControlFlow::Continue(()),
        }
    })
    .await?;
    match ended {
        Ended::Enough => client.connection().close(Code::NORMAL, "").await.map_err(Failure::Session),
        Ended::There if left.is_some() => Err(Failure::Left),
        Ended::There | Ended::Here => Ok(()),
    }
}
