//! The command line of `bookend relay`.

use std::ops::RangeInclusive;
use std::time::Duration;

use bookend_client::Address;
use bookend_inspect::Output;
use bookend_relay::{Channel, Impairment, Pieces, Relay, Spot};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use crate::colour::Colour;

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
    pieces: Option<Pieces>,
    /// Gather what comes within this time, and pass it on in one piece
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    join: Option<Duration>,
    /// Hold each piece for this time, or for one between the two by the seed
    #[arg(long, value_name = "TIME[..TIME]", value_parser = delay)]
    delay: Option<RangeInclusive<Duration>>,
    /// Change bytes as some channels do; may be repeated
    #[arg(long, value_name = "NAME", value_parser = channel())]
    channel: Vec<Channel>,
    /// Do this once there; may be repeated
    #[arg(long, value_name = "WHERE=WHAT")]
    at: Vec<Spot>,
    /// Whose bytes all of this is done to
    #[arg(long, value_enum, default_value_t = Side::Both)]
    side: Side,
    /// Where the choices begin [default: one that is new each time]
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// End after so many connections
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) connections: Option<u64>,
    /// Show nothing but where it listens
    #[arg(long, short)]
    quiet: bool,
    /// Show the bytes of each frame, field by field
    #[arg(long)]
    hex: bool,
    /// Print a JSON object a line
    #[arg(long, conflicts_with = "hex")]
    json: bool,
    /// Colours; auto is on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    color: Colour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    Client,
    Server,
    Both,
}

impl RelayArguments {
    /// What is done to the bytes of a side.
    fn treatment(&self, side: Side) -> Impairment {
        if self.side != side && self.side != Side::Both {
            return Impairment::default();
        }
        Impairment {
            pieces: self.pieces.clone(),
            delay: self.delay.clone(),
            channels: self.channel.clone(),
            spots: self.at.clone(),
        }
    }

    /// The relay, with this seed.
    pub(super) fn relay(&self, seed: u64) -> Relay {
        Relay::new(self.target.host(), self.target.port())
            .with_seed(seed)
            .with_join(self.join)
            .with_client(self.treatment(Side::Client))
            .with_server(self.treatment(Side::Server))
            .with_output((!self.quiet).then(|| self.output()))
    }

    pub(super) fn output(&self) -> Output {
        match self.json {
            true => Output::Json,
            false => Output::Plain { colored: self.color.is_on(), hex: self.hex },
        }
    }
}

/// The names of channels, which `--help` lists.
fn channel() -> impl TypedValueParser<Value = Channel> {
    PossibleValuesParser::new(Channel::ALL.map(|(name, _)| name))
        .map(|name| name.parse::<Channel>().expect("it is one of the names"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_places_are_read() {
        assert_eq!(delay("5ms..1s"), Ok(Duration::from_millis(5)..=Duration::from_secs(1)));
        assert!(delay("1s..5ms").is_err() && delay("5").is_err());
        assert_eq!(listen("[::1]:0"), Ok(("::1".into(), 0)));
        assert!(listen("localhost").is_err() && listen(":1").is_err() && listen("a:b").is_err());
    }
}
