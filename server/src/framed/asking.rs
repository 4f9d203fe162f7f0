//! A framed peer that asks for what its room has kept (R9.44 to R9.48).

use std::num::NonZeroU32;

use bookend::history::Query as HistoryQuery;
use bookend::{Code, Content, Hello, Payload, State};

use super::Framed;
use crate::client::Client;
use crate::page::Form;
use crate::queries::{Asker, Query, Unreadable};
use crate::rendition::{Rendered, TextPreference};

impl Framed {
    /// A REQUEST has arrived: it is a query, or refused.
    pub(super) fn request(&mut self, id: NonZeroU32, payload: Payload<'_>, client: &mut Client) {
        let (query, peer) = (HistoryQuery::parse(payload), self.session.peer());
        match (query, peer) {
            (Some(HistoryQuery { before, count, text }), Some(peer)) if client.may_read() => client.ask(Query {
                asker: Asker::Request(id),
                before,
                count: usize::try_from(count).unwrap_or(usize::MAX),
                text: text.map(Into::into),
                form: form(peer),
                after: 0,
            }),
            (Some(_), _) => self.refuse(id, Code::POLICY, "no right to read here", client),
            (None, _) => self.refuse(id, Code::POLICY, "this hub answers only requests for its history", client),
        }
    }

    /// Sends the answer to a query.
    pub(crate) fn answer(&mut self, id: NonZeroU32, page: Result<Rendered, Unreadable>, client: &mut Client) {
        match page {
            _ if self.session.state() != State::Open => {} // it is closing
            Ok(page) => {
                client.hub().counters().count_escapes(page.escapes);
                let sent = self.session.reply(id, Content::Binary(&page.bytes), client.output.buffer());
                sent.expect("an open session replies to an unanswered request with no more than its peer accepts");
            }
            Err(Unreadable) => self.refuse(id, Code::TRY_LATER, "the hub cannot read its history now", client),
        }
    }

    fn refuse(&mut self, id: NonZeroU32, code: Code, detail: &str, client: &Client) {
        client.count_error(code);
        self.session.refuse_request(id, code, detail).expect("it is not answered yet");
    }
}

fn form(peer: &Hello) -> Form {
    let preference = TextPreference { preferred: peer.preferred(), accepted: peer.accepted() };
    Form::Frames { preference, max_body: usize::try_from(peer.max_body()).unwrap_or(usize::MAX) }
}
