//! What can be trusted of the numbers in a file (R9.50).

use crate::history::schema::Meta;

/// What can be trusted of the numbers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is complete.
    Next,
    /// It is as it was at some commit since the last sync: numbers below the ceilings may have been given.
    Ceiling,
    /// It is a copy, or something of it is lost that was on stable storage: any number may have been given.
    Nothing,
}

/// What may be believed. `here` is where and when the file is opened now.
pub(super) fn judge(meta: Option<&Meta>, here: &Meta, is_complete: bool) -> Trust {
    let Some(meta) = meta else { return Trust::Nothing };
    let is_same_boot = !here.boot.is_empty() && meta.boot == here.boot;
    match () {
        () if (meta.device, meta.inode) != (here.device, here.inode) => Trust::Nothing,
        () if meta.clean => Trust::Next,
        () if !is_same_boot => Trust::Ceiling,
        () if !is_complete => Trust::Nothing,
        () if meta.live => Trust::Ceiling,
        () => Trust::Next,
    }
}

impl Trust {
    /// What a file says of itself if it is to be trusted so, here and now.
    pub(super) fn as_meta(self, here: Meta) -> Meta {
        match self {
            Trust::Next => Meta { clean: true, ..here },
            Trust::Ceiling => Meta { boot: String::new(), ..here },
            Trust::Nothing => Meta { inode: !here.inode, ..here },
        }
    }

    pub(super) fn doubt(self) -> &'static str {
        match self {
            Trust::Next => "nothing",
            Trust::Ceiling => "what was not synced",
            Trust::Nothing => "everything",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_trusted_depends_on_the_place_the_end_the_boot_and_the_log() {
        let here = Meta { version: 1, clean: false, live: false, boot: "a".into(), device: 1, inode: 2 };
        let dirty = here.clone();
        let clean = Meta { clean: true, boot: "b".into(), ..here.clone() };
        let live = Meta { live: true, ..here.clone() };
        let other_boot = Meta { boot: "b".into(), ..here.clone() };
        let no_boot = Meta { boot: String::new(), ..here.clone() };
        let copy = Meta { inode: 3, clean: true, ..here.clone() };
        for (meta, is_complete, trust) in [
            (Some(&dirty), true, Trust::Next),
            (Some(&dirty), false, Trust::Nothing),
            (Some(&clean), true, Trust::Next),
            (Some(&live), true, Trust::Ceiling),
            (Some(&live), false, Trust::Nothing),
            (Some(&other_boot), true, Trust::Ceiling),
            (Some(&other_boot), false, Trust::Ceiling),
            (Some(&no_boot), true, Trust::Ceiling),
            (Some(&copy), true, Trust::Nothing),
            (None, true, Trust::Nothing),
        ] {
            assert_eq!(judge(meta, &here, is_complete), trust, "{meta:?} {is_complete}");
        }
        assert_eq!(judge(Some(&no_boot), &no_boot, true), Trust::Ceiling, "a system that does not name its boots");
    }
}
