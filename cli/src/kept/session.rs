//! The session in which a program reads what a hub has kept.

use std::pin::pin;

use bookend_client::{Event, HistoryError, Sender, Up};
use tokio::select;

use crate::console::Console;
use crate::failure::Failure;
use crate::receiver::{Receiver, over};
use crate::shutdown::Signal;

/// A session that was just joined.
pub(crate) type Session<'a> = (Sender, Receiver<'a>, Box<Up>);

/// Calls `work` with the number of the next message, leaves the room, and returns what `work` did; `None` if nothing more
/// can be written to the output. What is said in the meantime is not printed.
pub(crate) async fn read<T>(
    (sender, mut receiver, up): Session<'_>,
    console: &Console,
    shutdown: impl Future<Output = Signal>,
    work: impl AsyncFnOnce(&Sender, u64) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let mut shutdown = pin!(shutdown);
    let ended = {
        let work = async {
            match &up.welcome {
                Some(welcome) => work(&sender, welcome.next_seq).await,
                None => Err(HistoryError::NotKept { reason: "it is not a hub".into() }.into()),
            }
        };
        select! {
            biased;
            signal = &mut shutdown => Err(Failure::Signalled(signal)),
            () = console.unread() => Ok(None),
            worked = work => worked.map(Some),
            failure = discard(&mut receiver) => Err(failure),
        }
    };
    match ended {
        Err(Failure::Signalled(_) | Failure::Gone(..)) => receiver.leave(&sender).await,
        _ => receiver.close(&sender).await,
    }
    ended
}

/// Takes the events until the last one.
async fn discard(receiver: &mut Receiver<'_>) -> Failure {
    loop {
        match receiver.next().await {
            Ok(Some(Event::Closed(end))) => return over(end),
            Ok(Some(_)) => {}
            Ok(None) => return Failure::Left,
            Err(failure) => return failure,
        }
    }
}
