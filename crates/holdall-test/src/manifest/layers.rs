//! What a case says, and its file where the case says nothing.

use super::syntax::{Entry, Node, Table};

/// The tables of a case and of its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layers<'a> {
    pub(super) case: &'a Table,
    pub(super) file: &'a Table,
}

impl<'a> Layers<'a> {
    /// The value of a key: the case's, else the file's.
    pub(super) fn get(self, key: &str) -> Option<&'a Node> {
        self.case.get(key).or_else(|| self.file.get(key))
    }

    pub(super) fn text(self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    pub(super) fn flag(self, key: &str) -> bool {
        self.get(key).and_then(Node::flag).unwrap_or_default()
    }

    /// The values of a list, or the only value.
    pub(super) fn each(self, key: &str) -> &'a [Node] {
        self.get(key).map_or(&[], Node::each)
    }

    /// The entries of a table: those of the file that the case does not have too, then the case's.
    pub(super) fn entries(self, key: &str) -> impl Iterator<Item = &'a Entry> {
        merged(
            self.file.get(key).and_then(Node::table),
            self.case.get(key).and_then(Node::table),
        )
    }
}

/// The entries of `below` that `above` does not have too, then those of `above`.
pub(super) fn merged<'a>(
    below: Option<&'a Table>,
    above: Option<&'a Table>,
) -> impl Iterator<Item = &'a Entry> {
    let below = below.into_iter().flat_map(Table::iter);
    let below =
        below.filter(move |entry| above.is_none_or(|above| above.get(&entry.key).is_none()));
    below.chain(above.into_iter().flat_map(Table::iter))
}
