//! The text of a manifest as a tree of values that know where they stand. Knows TOML; does not know which
//! keys there are.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value, and where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The offset in the manifest's text, in bytes.
    pub(crate) at: usize,
    pub(crate) value: Value,
}

/// A value of TOML.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    /// A whole number: what TOML's authors write lies between -2^63 and 2^64-1.
    Integer(i128),
    Float(f64),
    Flag(bool),
    Time,
    List(Vec<Node>),
    Table(Table),
}

/// Keys and their values, in the order of the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(Vec<Entry>);

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// The offset of the key in the manifest's text, in bytes.
    pub(crate) at: usize,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }
}

impl Node {
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn count(&self) -> Option<u64> {
        match self.value {
            Value::Integer(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        match self.value {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    /// The values of a list, or the only value.
    pub(crate) fn each(&self) -> &[Self] {
        match &self.value {
            Value::List(nodes) => nodes,
            _ => std::slice::from_ref(self),
        }
    }

    pub(crate) fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }
}

impl Value {
    /// What a message calls a value of this type.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a number",
            Self::Float(_) => "a number with a fraction",
            Self::Flag(_) => "true or false",
            Self::Time => "a time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Something that is no TOML: where, and what.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// The tree of a manifest's text, or all that is no TOML in it.
pub(crate) fn parse(text: &str) -> Result<Table, Vec<SyntaxError>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut found: Vec<SyntaxError> = errors
        .iter()
        .map(|error| SyntaxError {
            at: error.span().map_or(0, |span| span.start),
            message: error.message().to_owned(),
        })
        .collect();
    let tree = table_of(table.into_inner(), &mut found);
    if found.is_empty() {
        Ok(tree)
    } else {
        Err(found)
    }
}

fn table_of(table: DeTable<'_>, errors: &mut Vec<SyntaxError>) -> Table {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| Entry {
            at: key.span().start,
            key: key.into_inner().into_owned(),
            node: node_of(value, errors),
        })
        .collect();
    entries.sort_by_key(|entry| entry.at);
    Table(entries)
}

fn node_of(value: Spanned<DeValue<'_>>, errors: &mut Vec<SyntaxError>) -> Node {
    let Range { start: at, .. } = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let digits = number.as_str();
            let number = i128::from_str_radix(digits, number.radix()).ok();
            let fits =
                |number: &i128| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(number);
            Value::Integer(number.filter(fits).unwrap_or_else(|| {
                let message = "expected a number from -2^63 to 2^64-1".to_owned();
                errors.push(SyntaxError { at, message });
                0
            }))
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(_) => Value::Time,
        DeValue::Array(list) => {
            Value::List(list.into_iter().map(|node| node_of(node, errors)).collect())
        }
        DeValue::Table(table) => Value::Table(table_of(table, errors)),
    };
    Node { at, value }
}
