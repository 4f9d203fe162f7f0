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
WHERE is an offset in bytes, counted from 0 at the first byte that the side sends; with A..B, the seed chooses the offset.
WHAT is one of

  flip[:BIT]    invert a bit of the byte (0 is the lowest; without BIT, the seed chooses)
  drop          drop the byte
  insert:HEX    insert these bytes before it
  stall:TIME    pass nothing on for TIME
  half-close    end this direction there, and leave the other one open
  reset         end both directions with a TCP reset

The same seed, options and input give the same output. The bytes of one read are a packet; its line names the frames, or
parts of frames, in it. Each frame gets a line once it is complete, as in bookend inspect.

Exit codes:
  0      the last of --connections has ended
  2      invalid option or argument
  3      the relay cannot listen
  128+N  ended by signal N";

/// Relay between two peers, compare packets with messages, and disturb the streams as a network may
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct RelayArguments {
    /// The server to connect each client to
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:3990")]
    pub(super) target: Address,
    /// The address to listen on; port 0 is any free port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0", value_parser = listen)]
    pub(super) listen: (String, u16),
    /// Split the stream into pieces of N bytes, or of N to M bytes, each in a packet of its own
    #[arg(long, value_name = "N[..M]")]
    pieces: Option<Pieces>,
    /// Join the bytes that arrive within TIME into one piece
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    join: Option<Duration>,
    /// Delay each piece by TIME, or by a random time in the range
    #[arg(long, value_name = "TIME[..TIME]", value_parser = delay)]
    delay: Option<RangeInclusive<Duration>>,
    /// Change bytes as a faulty channel does; may be repeated
    #[arg(long, value_name = "NAME", value_parser = channel())]
    channel: Vec<Channel>,
    /// Disturb the stream once at an offset; may be repeated
    #[arg(long, value_name = "WHERE=WHAT")]
    at: Vec<Spot>,
    /// The side whose bytes are disturbed
    #[arg(long, value_enum, default_value_t = Side::Both)]
    side: Side,
    /// The seed of all random choices [default: a new one each time]
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Exit after N connections
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) connections: Option<u64>,
    /// Print only the address that the relay listens on
    #[arg(long, short)]
    quiet: bool,
    /// Show the bytes of each frame, field by field
    #[arg(long)]
    hex: bool,
    /// Print one JSON object per line
    #[arg(long, conflicts_with = "hex")]
    json: bool,
    /// When to colour the output
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
    /// The impairment of the bytes of a side.
    fn impairment(&self, side: Side) -> Impairment {
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
            .with_client(self.impairment(Side::Client))
            .with_server(self.impairment(Side::Server))
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
    let wrong = "use HOST:PORT; port 0 is any free port";
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
    if range.is_empty() { Err("the second time must not be shorter than the first".into()) } else { Ok(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_and_addresses_are_parsed() {
        assert_eq!(delay("5ms..1s"), Ok(Duration::from_millis(5)..=Duration::from_secs(1)));
        assert!(delay("1s..5ms").is_err() && delay("5").is_err());
        assert_eq!(listen("[::1]:0"), Ok(("::1".into(), 0)));
        assert!(listen("localhost").is_err() && listen(":1").is_err() && listen("a:b").is_err());
    }
}
