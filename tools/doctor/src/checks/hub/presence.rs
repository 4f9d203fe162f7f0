//! Who is in the room: here, joined, left, and another name.

use bookend::{Encoding, Hello, PresenceEvent};

use super::super::CheckResult;
use super::cast::named;
use super::member::{Event, Member, leave_all, numbers, settle_all, word};
use super::script::Script;
use crate::report::Finding;
use crate::target::Target;

/// A change of presence as a member learned it.
type Change = (u32, PresenceEvent, String);

fn changes(member: &Member<'_>, from: usize) -> Vec<Change> {
    let presence = member.log[from..].iter().filter_map(|event| match event {
        Event::Presence { member, event, name } => Some((*member, *event, name.clone())),
        _ => None,
    });
    presence.collect()
}

fn listed(changes: &[Change]) -> String {
    let words = changes.iter().map(|(member, event, name)| format!("{} {member} \"{name}\"", word(*event)));
    let words: Vec<String> = words.collect();
    if words.is_empty() { "no PRESENCE arrived".into() } else { format!("PRESENCE {} arrived", words.join(", ")) }
}

/// Waits until a member has learned that change, and judges that it has learned nothing else since `from`.
async fn learns(
    script: &Script,
    member: &mut Member<'_>,
    from: usize,
    change: (u32, PresenceEvent, &str),
) -> Result<(), Finding> {
    let (id, event, name) = change;
    let expected = format!("PRESENCE {} {id} \"{name}\"", word(event));
    let known = member.log[from..]
        .iter()
        .any(|seen| matches!(seen, Event::Presence { member, event: e, .. } if *member == id && *e == event));
    if !known {
        let arrived = member.find(|seen| match seen {
            Event::Presence { member, event: e, .. } if *member == id && *e == event => Some(()),
            _ => None,
        });
        arrived.await.map_err(|missing| script.missing(member.role, &expected, &missing))?;
    }
    member.settle().await;
    let seen = changes(member, from);
    match &seen[..] {
        [(i, e, n)] if (*i, *e, &**n) == (id, event, name) => Ok(()),
        [(i, e, n)] if (*i, *e) == (id, event) => {
            let finding = script.fails(format!("{} receives {expected}", member.role), format!("the name is \"{n}\""));
            Err(finding.with_fix("write into PRESENCE the name that the member has in the room"))
        }
        _ => Err(script.fails(format!("{} receives {expected} and no other PRESENCE", member.role), listed(&seen))),
    }
}

/// A room, and who is in it.
struct Room<'a> {
    target: &'a Target,
    check: &'static str,
    hello: Hello,
    script: Script,
    members: Vec<Member<'a>>,
    /// The numbers, in the order in which they joined, and the names.
    here: Vec<(u32, String)>,
}

impl<'a> Room<'a> {
    /// How much each member has received so far.
    fn marks(&self) -> Vec<usize> {
        self.members.iter().map(|member| member.log.len()).collect()
    }

    /// Everybody learns of one change, and of nothing else.
    async fn all_learn(&mut self, marks: &[usize], change: (u32, PresenceEvent, &str)) -> Result<(), Finding> {
        for (member, mark) in self.members.iter_mut().zip(marks) {
            learns(&self.script, member, *mark, change).await?;
        }
        Ok(())
    }

    /// A member joins: it receives the list of members, and the others receive `joined`.
    async fn joins(&mut self, role: &'static str) -> Result<(), Finding> {
        self.script.step(format!("{role} joins"));
        let marks = self.marks();
        let mut member = Member::join(self.target, self.check, role, &named(&self.hello, role)).await?;
        let (id, given) = (member.id, member.name().await?);
        member.settle().await;
        if self.here.iter().any(|(other, _)| *other == id) {
            return Err(self.script.fails("a number of its own", format!("it has that of another member, {id}")));
        }
        self.here.push((id, given.clone()));
        self.judge_list(role, &changes(&member, 0), id)?;
        self.all_learn(&marks, (id, PresenceEvent::Joined, &given)).await?;
        self.members.push(member);
        Ok(())
    }

    fn judge_list(&self, role: &str, seen: &[Change], own: u32) -> Result<(), Finding> {
        let sorted = |list: Vec<(u32, u8, String)>| {
            let mut list = list;
            list.sort();
            list
        };
        let arrived = sorted(seen.iter().map(|(id, event, name)| (*id, *event as u8, name.clone())).collect());
        let wanted =
            sorted(self.here.iter().map(|(id, name)| (*id, PresenceEvent::Here as u8, name.clone())).collect());
        if arrived == wanted && seen.last().is_some_and(|(id, ..)| *id == own) {
            return Ok(());
        }
        let order: Vec<u32> = self.here.iter().map(|(id, _)| *id).collect();
        let expected = format!("{role} receives PRESENCE here for {}, itself last", numbers(&order));
        let finding = self.script.fails(expected, listed(seen));
        Err(if seen.iter().any(|(id, event, _)| *id == own && *event == PresenceEvent::Joined) {
            finding
                .named("a new member receives its own `joined`")
                .with_fix("send `joined` to every other member (R9.52)")
        } else {
            finding
        })
    }

    /// A peer without the hub profile joins, and its connection breaks. Returns its number.
    async fn breaks(&mut self) -> Result<u32, Finding> {
        self.script.step("pat, without the hub profile, joins, then its connection breaks");
        let marks = self.marks();
        let pat = Member::join(self.target, self.check, "pat", &named(&self.hello, "pat").with_hub(false)).await?;
        let known: Vec<u32> = self.here.iter().map(|(id, _)| *id).collect();
        let joined = self.members[0].find(|event| match event {
            Event::Presence { member, event: PresenceEvent::Joined, name } if !known.contains(member) => {
                Some((*member, name.clone()))
            }
            _ => None,
        });
        let (id, name) =
            joined.await.map_err(|missing| self.script.missing("ann", "PRESENCE joined of pat", &missing))?;
        self.all_learn(&marks, (id, PresenceEvent::Joined, &name)).await?;
        let marks = self.marks();
        drop(pat);
        self.all_learn(&marks, (id, PresenceEvent::Left, &name)).await?;
        Ok(id)
    }

    /// The last member leaves with CLOSE. Returns its number.
    async fn leaves(&mut self) -> Result<u32, Finding> {
        let member = self.members.pop().expect("somebody is here");
        let (id, name) = self.here.pop().expect("somebody is here");
        self.script.step(format!("{}, {id}, sends CLOSE", member.role));
        let marks = self.marks();
        member.leave().await;
        self.all_learn(&marks, (id, PresenceEvent::Left, &name)).await?;
        Ok(id)
    }
}

pub(super) async fn hub_joined_left(target: &Target, name: &'static str) -> CheckResult {
    let hello = target.hello().with_hub(true);
    let mut room = Room { target, check: name, hello, script: Script::new(), members: Vec::new(), here: Vec::new() };
    for role in ["ann", "ben", "cy"] {
        room.joins(role).await?;
    }
    let pat = room.breaks().await?;
    let cy = room.leaves().await?;
    room.joins("dan").await?;
    let dan = room.members.last().map_or(0, |dan| dan.id);
    if dan == cy || dan == pat {
        let fix = "count the numbers of members up, and give none to the next member that joins (R9.33)";
        let finding = room.script.fails(format!("a number other than {cy} and {pat}"), format!("dan is {dan}"));
        return Err(finding.named("the number of a member that has left is given again").with_fix(fix));
    }
    settle_all(&mut room.members).await;
    leave_all(room.members).await;
    Ok(Finding::ok(
        "each join and leave, also of a connection that breaks, is announced to every other member, by name",
    ))
}

/// A name that becomes free goes to the member that asked for it (R9.39), as a left and a joined (R9.33).
pub(super) async fn hub_renamed(target: &Target, name: &'static str) -> CheckResult {
    let hello = target.hello().with_hub(true);
    let mut script = Script::new();
    let mut ann = Member::join(target, name, "ann", &named(&hello, "ann")).await?;
    let first = Member::join(target, name, "the first dora", &named(&hello, "dora")).await?;
    let mut second = Member::join(target, name, "the second dora", &named(&hello, "dora")).await?;
    let (old, second_id, first_id) = (second.name().await?, second.id, first.id);
    ann.settle().await;
    let mark = ann.log.len();
    script.step(format!("the first dora, {first_id}, leaves; {second_id} asked for the same name and is \"{old}\""));
    first.leave().await;
    let left = ann.find(|event| match event {
        Event::Presence { member, event: PresenceEvent::Left, .. } if *member == first_id => Some(()),
        _ => None,
    });
    left.await.map_err(|missing| script.missing("ann", "PRESENCE left of the first dora", &missing))?;
    settle_all([&mut ann, &mut second]).await;
    let seen = changes(&ann, mark);
    let after = seen.iter().skip_while(|(id, ..)| *id == first_id).cloned().collect::<Vec<_>>();
    let expected = [(second_id, PresenceEvent::Left, old.clone()), (second_id, PresenceEvent::Joined, "dora".into())];
    let found = if after.is_empty() {
        second.post(0, Encoding::Ascii, b"still the second").await;
        let heard =
            ann.find(|event| event.delivery().filter(|_| event.says("still the second")).map(|it| it.name.clone()));
        let by = heard.await.map_err(|missing| script.missing("ann", "DELIVERY", &missing))?;
        if by != old {
            return Err(script
                .fails(format!("a DELIVERY from \"{old}\", as PRESENCE says"), format!("it is from \"{by}\""))
                .named("a change of name is not announced")
                .with_fix("announce another name as left under the old one, then joined under the new one"));
        }
        Finding::warns(format!("the name \"dora\" became free, but \"{old}\", who asked for it, keeps the suffix"))
    } else if after == expected {
        second.post(0, Encoding::Ascii, b"renamed").await;
        let heard =
            ann.find(|event| event.delivery().filter(|_| event.says("renamed")).map(|it| (it.from, it.name.clone())));
        let by = heard.await.map_err(|missing| script.missing("ann", "DELIVERY", &missing))?;
        if by != (second_id, "dora".to_owned()) {
            return Err(script
                .fails(format!("a DELIVERY from {second_id} \"dora\""), format!("it is from {} \"{}\"", by.0, by.1)));
        }
        Finding::ok(format!("left \"{old}\", then joined \"dora\", with the number {second_id} as before"))
    } else {
        return Err(script
            .fails(format!("PRESENCE left {second_id} \"{old}\", then joined {second_id} \"dora\""), listed(&seen))
            .with_fix(
                "announce another name as left under the old one, then joined under the new one, with the same number",
            ));
    };
    leave_all([ann, second]).await;
    Ok(found)
}
