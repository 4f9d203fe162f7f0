//! The input line: text, cursor, history and completion.

use unicode_segmentation::UnicodeSegmentation;

/// The most entries in the history.
const HISTORY: usize = 200;

/// Text with a cursor, which is always at a grapheme boundary.
#[derive(Debug, Default)]
pub(super) struct Editor {
    text: String,
    /// In bytes.
    cursor: usize,
    history: Vec<String>,
    /// The entry of the history that is shown, and the text that it replaced.
    recalled: Option<(usize, String)>,
    completing: Option<Completing>,
}

/// The candidates for Tab.
#[derive(Debug)]
struct Completing {
    start: usize,
    candidates: Vec<String>,
    next: usize,
}

impl Editor {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text before and after the cursor.
    pub(super) fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    pub(super) fn insert(&mut self, text: &str) {
        self.completing = None;
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    /// Takes the text and adds it to the history.
    pub(super) fn take(&mut self) -> String {
        let text = std::mem::take(&mut self.text);
        (self.cursor, self.recalled, self.completing) = (0, None, None);
        if !text.trim().is_empty() && self.history.last() != Some(&text) {
            self.history.push(text.clone());
            let forgotten = self.history.len().saturating_sub(HISTORY);
            self.history.drain(..forgotten);
        }
        text
    }

    pub(super) fn left(&mut self) {
        self.move_to(self.before());
    }

    pub(super) fn right(&mut self) {
        self.move_to(self.after());
    }

    pub(super) fn word_left(&mut self) {
        self.move_to(self.word_before());
    }

    pub(super) fn word_right(&mut self) {
        let rest = &self.text[self.cursor..];
        let word = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        let length = rest[word..].find(char::is_whitespace).map_or(rest.len(), |end| word + end);
        self.move_to(self.cursor + length);
    }

    pub(super) fn home(&mut self) {
        self.move_to(0);
    }

    pub(super) fn end(&mut self) {
        self.move_to(self.text.len());
    }

    pub(super) fn delete_left(&mut self) {
        self.delete(self.before()..self.cursor);
    }

    pub(super) fn delete_right(&mut self) {
        self.delete(self.cursor..self.after());
    }

    pub(super) fn delete_word(&mut self) {
        self.delete(self.word_before()..self.cursor);
    }

    pub(super) fn delete_to_start(&mut self) {
        self.delete(0..self.cursor);
    }

    pub(super) fn delete_to_end(&mut self) {
        self.delete(self.cursor..self.text.len());
    }

    /// Shows the previous entry of the history.
    pub(super) fn earlier(&mut self) {
        let at = self.recalled.as_ref().map_or(self.history.len(), |(at, _)| *at);
        if let Some(earlier) = at.checked_sub(1) {
            let draft = match self.recalled.take() {
                Some((_, draft)) => draft,
                None => std::mem::take(&mut self.text),
            };
            self.show(self.history[earlier].clone());
            self.recalled = Some((earlier, draft));
        }
    }

    /// Shows the next entry of the history, or the text that was being typed.
    pub(super) fn later(&mut self) {
        if let Some((at, draft)) = self.recalled.take() {
            match self.history.get(at + 1) {
                Some(entry) => {
                    self.show(entry.clone());
                    self.recalled = Some((at + 1, draft));
                }
                None => self.show(draft),
            }
        }
    }

    /// Completes the word before the cursor to one of `words` that begins with it, with or without the quote before it.
    /// Repeated calls go through them.
    pub(super) fn complete(&mut self, words: impl Iterator<Item = String>) {
        if self.completing.is_none() {
            let start = self.text[..self.cursor].rfind(char::is_whitespace).map_or(0, |at| at + 1);
            let begun = self.text[start..self.cursor].trim_start_matches('"').to_lowercase();
            let begins = |word: &String| word.trim_start_matches('"').to_lowercase().starts_with(&begun);
            let mut candidates: Vec<String> = words.filter(begins).collect();
            candidates.sort_unstable();
            candidates.dedup();
            self.completing = Some(Completing { start, candidates, next: 0 });
        }
        let Some(completing) = &mut self.completing else { return };
        let count = completing.candidates.len();
        if count == 0 {
            self.completing = None;
            return;
        }
        let (start, word) = (completing.start, &completing.candidates[completing.next]);
        // A name at the start of a line addresses its member.
        let end = if start == 0 && !word.starts_with('/') { ": " } else { " " };
        let word = format!("{word}{end}");
        completing.next = (completing.next + 1) % count;
        self.text.replace_range(start..self.cursor, &word);
        self.cursor = start + word.len();
    }

    fn show(&mut self, text: String) {
        self.completing = None;
        self.cursor = text.len();
        self.text = text;
    }

    fn move_to(&mut self, cursor: usize) {
        self.completing = None;
        self.cursor = cursor;
    }

    fn delete(&mut self, range: std::ops::Range<usize>) {
        self.completing = None;
        self.cursor = range.start;
        self.text.drain(range);
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        let rest = &self.text[self.cursor..];
        self.cursor + rest.graphemes(true).next().map_or(0, str::len)
    }

    fn word_before(&self) -> usize {
        let text = self.text[..self.cursor].trim_end();
        text.rfind(char::is_whitespace).map_or(0, |at| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Editor {
        let mut editor = Editor::default();
        editor.insert(text);
        editor
    }

    #[test]
    fn cursor_moves_by_graphemes() {
        let mut editor = typed("ae\u{301}👨‍👩‍👧");
        editor.left();
        assert_eq!(editor.parts(), ("ae\u{301}", "👨‍👩‍👧"));
        editor.delete_left();
        assert_eq!(editor.parts(), ("a", "👨‍👩‍👧"));
        editor.delete_right();
        assert_eq!(editor.text(), "a");
        editor.delete_right();
        editor.right();
        assert_eq!(editor.parts(), ("a", ""));
    }

    #[test]
    fn words_and_lines_are_deleted() {
        let mut editor = typed("to be  or");
        editor.delete_word();
        assert_eq!(editor.text(), "to be  ");
        editor.delete_word();
        assert_eq!(editor.text(), "to ");
        editor.insert("do");
        editor.word_left();
        editor.delete_to_end();
        assert_eq!(editor.text(), "to ");
        editor.home();
        editor.word_right();
        assert_eq!(editor.parts(), ("to", " "));
        editor.delete_to_start();
        assert_eq!(editor.text(), " ");
    }

    #[test]
    fn history_returns_to_the_text_being_typed() {
        let mut editor = typed("one");
        assert_eq!(editor.take(), "one");
        editor.insert("two");
        editor.take();
        editor.insert("two");
        editor.take(); // the same again is remembered once
        editor.insert("thr");
        editor.earlier();
        assert_eq!(editor.text(), "two");
        editor.earlier();
        editor.earlier();
        assert_eq!(editor.text(), "one");
        editor.later();
        editor.later();
        assert_eq!(editor.text(), "thr");
        editor.later();
        assert_eq!(editor.text(), "thr");
    }

    #[test]
    fn names_are_completed_in_turn() {
        let names = ["böb", "Ann", "anna", "cid"];
        let mut editor = typed("an");
        let complete = |editor: &mut Editor| editor.complete(names.map(str::to_owned).into_iter());
        complete(&mut editor);
        assert_eq!(editor.text(), "Ann: ");
        complete(&mut editor);
        assert_eq!(editor.text(), "anna: ");
        complete(&mut editor);
        assert_eq!(editor.text(), "Ann: ");
        editor.insert("hi c");
        complete(&mut editor);
        assert_eq!(editor.text(), "Ann: hi cid ");
        editor.insert("x");
        complete(&mut editor);
        assert_eq!(editor.text(), "Ann: hi cid x");
    }
}
