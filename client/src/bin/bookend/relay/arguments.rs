//! The command line of `bookend relay`.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use bookend_client::Address;
use clap::{Args, ValueEnum};

use super::channel::Channel;
use super::course::{Action, Pieces, Spot};
use crate::inspect::{Color, Form};

const MORE: &str = "\
WHERE is an offset in bytes, counted from 0 at the beginning of what the side sends, or A..B for one of these by the
seed. WHAT is one of

  flip[:BIT]    turn a bit of that byte (0 is the lowest; one by the seed if none is named)
  drop          leave that byte out
  insert:HEX    put these bytes in front of it
  stall:TIME    pass nothing on for so long
  half-close    end the direction there, and leave the other one open
  reset         end both directions with a TCP reset

The same seed, options and bytes give the same bytes on the other side. What was read in one piece is a packet, and its
line says which frames, or parts of them, it holds; each frame has a line once it is whole, as bookend inspect shows it.

Exit codes:
  0    --connections have been served
  2    a wrong option or argument
  3    cannot listen
  130  interrupted";

/// Stand between two peers, show what each read brought against what was a message, and do to it what a network may do
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct RelayArguments {
    /// Where to connect each client to
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:3990")]
    pub(super) target: Address,
    /// Where to listen; 127.0.0.1 and any port that is free, if nothing is said
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0", value_parser = listen)]
    pub(super) listen: (String, u16),
    /// Pass on in pieces of N bytes, or of N to M by the seed, each in a packet of its own
    #[arg(long, value_name = "N[..M]")]
    pub(super) pieces: Option<Pieces>,
    /// Gather what comes within this time, and pass it on in one piece
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) join: Option<Duration>,
    /// Hold each piece for this time, or for one between the two by the seed
    #[arg(long, value_name = "TIME[..TIME]", value_parser = delay)]
    pub(super) delay: Option<RangeInclusive<Duration>>,
    /// Change bytes as some channels do; may be repeated
    #[arg(long, value_enum, value_name = "NAME")]
    pub(super) channel: Vec<Channel>,
    /// Do this once there; may be repeated
    #[arg(long, value_name = "WHERE=WHAT")]
    pub(super) at: Vec<Spot>,
    /// Whose bytes all of this is done to
    #[arg(long, value_enum, default_value_t = Side::Both)]
    pub(super) side: Side,
    /// Where the choices begin [default: one that is new each time]
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// End after so many connections
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) connections: Option<u64>,
    /// Show nothing but where it listens
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Show the bytes of each frame, field by field
    #[arg(long)]
    hex: bool,
    /// Print a JSON object a line
    #[arg(long, conflicts_with = "hex")]
    json: bool,
    /// Colours; auto is on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Side {
    Client,
    Server,
    Both,
}

impl RelayArguments {
    pub(super) fn form(&self) -> Form {
        match self.json {
            true => Form::Json,
            false => Form::Plain { colored: self.color.choice() != anstream::ColorChoice::Never, hex: self.hex },
        }
    }
}

fn listen(text: &str) -> Result<(String, u16), &'static str> {
    let wrong = "it is HOST:PORT; the port 0 is any that is free";
    let (host, port) = text.rsplit_once(':').ok_or(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match port.parse() {
        Ok(port) if !host.is_empty() => Ok((host.into(), port)),
        _ => Err(wrong),
    }
}

fn delay(text: &str) -> Result<RangeInclusive<Duration>, String> {
    let time = |text: &str| humantime::parse_duration(text).map_err(|error| error.to_string());
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let range = time(least)?..=time(most)?;
    if range.is_empty() { Err("the second time is the longer one".into()) } else { Ok(range) }
}

/// `N` or `N..M`, both included.
fn range(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is no number of bytes"));
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let range = number(least)?..=number(most)?;
    if range.is_empty() { Err("the second number is the larger one".into()) } else { Ok(range) }
}

impl FromStr for Pieces {
    type Err = String;

    fn from_str(text: &str) -> Result<Pieces, String> {
        let range = range(text)?;
        if *range.start() == 0 { Err("a piece has at least one byte".into()) } else { Ok(Pieces(range)) }
    }
}

impl FromStr for Spot {
    type Err = String;

    fn from_str(text: &str) -> Result<Spot, String> {
        let (place, what) = text.split_once('=').ok_or("it is WHERE=WHAT, such as 100=drop")?;
        Ok(Spot { place: range(place)?, action: what.parse()? })
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Action, String> {
        let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
        match (name, value) {
            ("flip", None) => Ok(Action::Flip(None)),
            ("flip", Some(bit)) => {
                let bit = bit.parse().ok().filter(|bit| *bit < 8).ok_or("a bit is 0 to 7")?;
                Ok(Action::Flip(Some(bit)))
            }
            ("drop", None) => Ok(Action::Drop),
            ("insert", Some(hex)) => {
                let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes());
                bytes.map(Action::Insert).map_err(|_| format!("{hex:?} is no hex"))
            }
            ("stall", Some(time)) => {
                humantime::parse_duration(time).map(Action::Stall).map_err(|error| error.to_string())
            }
            ("half-close", None) => Ok(Action::HalfClose),
            ("reset", None) => Ok(Action::Reset),
            _ => Err(format!("{text:?}: it is flip[:BIT], drop, insert:HEX, stall:TIME, half-close or reset")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spots_are_read() {
        let spot = |text: &str| text.parse::<Spot>();
        assert_eq!(spot("7=drop"), Ok(Spot { place: 7..=7, action: Action::Drop }));
        assert_eq!(spot("0..99=flip:7"), Ok(Spot { place: 0..=99, action: Action::Flip(Some(7)) }));
        assert_eq!(spot("1=insert:0aFF"), Ok(Spot { place: 1..=1, action: Action::Insert(vec![10, 255]) }));
        let stall = Action::Stall(Duration::from_millis(1500));
        assert_eq!(spot("1=stall:1s 500ms"), Ok(Spot { place: 1..=1, action: stall }));
        for wrong in ["", "7", "=drop", "7=", "7=drop:1", "9..7=drop", "7=flip:8", "7=insert:f", "7=stall", "x=reset"] {
            assert!(spot(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_times_and_places_are_read() {
        assert_eq!("1..3".parse::<Pieces>().unwrap().0, 1..=3);
        assert!("0".parse::<Pieces>().is_err() && "3..1".parse::<Pieces>().is_err());
        assert_eq!(delay("5ms..1s"), Ok(Duration::from_millis(5)..=Duration::from_secs(1)));
        assert!(delay("1s..5ms").is_err() && delay("5").is_err());
        assert_eq!(listen("[::1]:0"), Ok(("::1".into(), 0)));
        assert!(listen("localhost").is_err() && listen(":1").is_err() && listen("a:b").is_err());
    }
}
