//! Sends a file to another program, or receives files into a folder, with progress; a transfer that broke off resumes.
//!
//! `cargo run -p bookend --features transfer --example file_transfer -- receive 127.0.0.1:4000 FOLDER`
//! `cargo run -p bookend --features transfer --example file_transfer -- send 127.0.0.1:4000 FILE`
//!
//! A file that is incomplete is called `NAME.part`. `receive` serves one connection after another, with `--once` only one.
//! `--stop-after BYTES` ends the program in the middle, with status 3, to try the resuming. The programs in
//! `interop/python` and `interop/c` have the same command line.

use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process;

use bookend::transfer::{self, Bounds, Cause, Held, Offer, Offered, Progress, Receiver, SendOptions, TransferError};
use bookend::{Code, Connection, Hello};
use tokio::fs::{self, File};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "usage: file_transfer send HOST:PORT FILE [--stop-after BYTES]
       file_transfer receive HOST:PORT FOLDER [--once] [--stop-after BYTES]";

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (words, once) = without(&words, "--once");
    let (words, stop_after) = match words.iter().position(|word| *word == "--stop-after") {
        Some(at) if at + 1 < words.len() => ([&words[..at], &words[at + 2..]].concat(), words[at + 1].parse().ok()),
        _ => (words, None),
    };
    let done = match words[..] {
        ["send", address, file] => send(address, Path::new(file), stop_after).await,
        ["receive", address, folder] => receive(address, Path::new(folder), once, stop_after).await,
        _ => Err(USAGE.into()),
    };
    if let Err(error) = done {
        eprintln!("{error}");
        process::exit(1);
    }
}

fn without<'w>(words: &[&'w str], option: &str) -> (Vec<&'w str>, bool) {
    let others: Vec<&str> = words.iter().copied().filter(|word| *word != option).collect();
    let found = others.len() < words.len();
    (others, found)
}

async fn send(address: &str, path: &Path, stop_after: Option<u64>) -> Result<(), Failure> {
    let file = File::open(path).await?;
    let length = file.metadata().await?.len();
    let name = path.file_name().and_then(|name| name.to_str()).ok_or("the file has no name in UTF-8")?;

    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut connection = Connection::connect(stream, Hello::new()).await?;
    let options = SendOptions::new(connection.peer());
    let handle = connection.handle();
    let driver = tokio::spawn(async move {
        while connection.next().await?.is_some() {}
        Ok::<_, bookend::ConnectionError>(())
    });

    let offer = Offer { transfer: NonZeroU32::MIN, length: Some(length), name };
    let mut meter = Meter::new(stop_after);
    transfer::send_from(&handle, file, offer, options, |progress| meter.show(progress)).await?;
    println!("sent {name}, {length} bytes");
    handle.close(Code::NORMAL, "").await;
    Ok(driver.await??)
}

async fn receive(address: &str, folder: &Path, once: bool, stop_after: Option<u64>) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let served = serve(stream, folder, stop_after).await;
        if once {
            return served;
        }
        if let Err(error) = served {
            eprintln!("{error}");
        }
    }
}

/// Receives the files of one connection.
async fn serve(stream: TcpStream, folder: &Path, stop_after: Option<u64>) -> Result<(), Failure> {
    let mut connection = Connection::accept(stream, Hello::new()).await?;
    let mut receiver = Receiver::new(Bounds::default().with_max_length(1 << 40));
    let (mut name, mut part) = (String::new(), PathBuf::new());
    loop {
        let open = async |offered: &Offered| {
            name = file_name(&offered.name).ok_or(Cause::Refused)?.to_owned();
            part = folder.join(format!("{name}.part"));
            resume(&part, offered.length).await.map_err(|_| Cause::Failed)
        };
        let mut meter = Meter::new(stop_after);
        let received = transfer::receive_into(&mut connection, &mut receiver, open, |at| meter.show(at)).await;
        match received {
            Ok(Some(received)) => {
                fs::rename(&part, folder.join(&name)).await?;
                let digest: String = received.digest.iter().map(|byte| format!("{byte:02x}")).collect();
                println!("received {name}, {} bytes, SHA-256 {digest}", received.length);
            }
            Ok(None) => return Ok(()),
            Err(TransferError::Fault(Cause::WrongDigest)) => {
                fs::remove_file(&part).await?; // it would be wrong again
                eprintln!("{name}: what was kept is not the beginning of this file; it is discarded");
            }
            Err(error @ TransferError::Connection(_)) => return Err(error.into()),
            Err(error) => eprintln!("{name}: {error}"),
        }
    }
}

/// The file to continue, and what it holds.
async fn resume(part: &Path, length: Option<u64>) -> io::Result<(File, Held)> {
    let mut file = fs::OpenOptions::new().read(true).append(true).create(true).open(part).await?;
    let held = Held::read_async(&mut file).await?;
    if length.is_some_and(|length| held.length() > length) {
        file.set_len(0).await?;
        return Ok((file, Held::nothing()));
    }
    if held.length() > 0 {
        println!("{} bytes are here already", held.length());
    }
    Ok((file, held))
}

/// The name, if it is that of a file in a folder and of nothing else.
fn file_name(name: &str) -> Option<&str> {
    let harmless = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':']);
    harmless.then_some(name)
}

/// Shows each tenth of a transfer.
struct Meter {
    shown: Option<u8>,
    stop_after: Option<u64>,
}

impl Meter {
    fn new(stop_after: Option<u64>) -> Meter {
        Meter { shown: None, stop_after }
    }

    fn show(&mut self, progress: Progress) {
        let percent = progress.percent().unwrap_or_default() / 10 * 10;
        if self.shown.replace(percent) != Some(percent) {
            eprintln!("{percent} % ({} bytes)", progress.done);
        }
        if self.stop_after.is_some_and(|stop| progress.done >= stop) {
            println!("stopped at {} bytes", progress.done);
            process::exit(3);
        }
    }
}
