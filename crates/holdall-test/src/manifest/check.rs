//! Whether a manifest has the keys and the types that the table of keys allows.

use holdall::provide::nearest;

use super::complaint::Complaints;
use super::keys::{Key, Shape};
use super::syntax::{Node, Table, Value};

/// Complains of each key that there is not, and of each value of a wrong type. `name` is the key that has
/// the value; empty for the whole manifest.
pub(super) fn check(shape: Shape, name: &str, node: &Node, complaints: &mut Complaints) {
    match (shape, &node.value) {
        (Shape::List(each), Value::List(nodes)) => {
            for node in nodes {
                check(*each, name, node, complaints);
            }
        }
        (Shape::Named(each), Value::Table(table)) => {
            for entry in table.iter() {
                check(*each, &entry.key, &entry.node, complaints);
            }
        }
        (Shape::Keys(lists), Value::Table(table)) => check_keys(lists, name, table, complaints),
        (Shape::Any(shapes), value) => match shapes.iter().find(|shape| shape.takes(value)) {
            Some(shape) => check(*shape, name, node, complaints),
            None => wrong_type(shape, name, node, complaints),
        },
        (shape, value) => {
            if !shape.takes(value) {
                wrong_type(shape, name, node, complaints);
            }
        }
    }
}

fn wrong_type(shape: Shape, name: &str, node: &Node, complaints: &mut Complaints) {
    let found = match &node.value {
        Value::Integer(number) => number.to_string(),
        value => value.kind().to_owned(),
    };
    complaints.add(
        node.at,
        format!("`{name}`: expected {}, found {found}", shape.kind()),
    );
}

fn check_keys(lists: &[&[Key]], name: &str, table: &Table, complaints: &mut Complaints) {
    let known = || lists.iter().copied().flatten();
    for entry in table.iter() {
        if let Some(key) = known().find(|key| key.name == entry.key) {
            check(key.shape, key.name, &entry.node, complaints);
            continue;
        }
        let of = if name.is_empty() {
            String::new()
        } else {
            format!(" in `{name}`")
        };
        let way_out = match nearest(&entry.key, known().map(|key| key.name)) {
            Some(nearest) => format!("; did you mean `{nearest}`?"),
            None => format!("; there are {}", listed(known().map(|key| key.name))),
        };
        complaints.add(
            entry.at,
            format!("unknown key `{}`{of}{way_out}", entry.key),
        );
    }
}

/// `a, b and c`, each in backticks.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

impl Shape {
    /// Whether a value has the type of this shape, whatever is in the value.
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Flag => matches!(value, Value::Flag(_)),
            Self::Count => matches!(value, Value::Integer(0..)),
            Self::Number => matches!(value, Value::Integer(_) | Value::Float(_)),
            Self::Text | Self::Path | Self::Duration => {
                matches!(value, Value::Text(_))
            }
            Self::Size => matches!(value, Value::Integer(0..) | Value::Text(_)),
            Self::List(_) => matches!(value, Value::List(_)),
            Self::Named(_) | Self::Keys(_) => matches!(value, Value::Table(_)),
            Self::Any(shapes) => shapes.iter().any(|shape| shape.takes(value)),
        }
    }

    /// What a message calls a value of this shape.
    fn kind(self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Count => "a whole number from 0".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Text => "a string".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Duration => "a duration such as \"500ms\"".to_owned(),
            Self::Size => "a size such as \"64KiB\"".to_owned(),
            Self::List(each) => format!("a list, each {}", each.kind()),
            Self::Named(_) => "a table".to_owned(),
            Self::Keys(lists) => {
                let names = lists.iter().copied().flatten().map(|key| key.name);
                match names.clone().count() {
                    ..=10 => format!("a table with {}", listed(names)),
                    _ => "a table".to_owned(),
                }
            }
            Self::Any(shapes) => {
                let kinds: Vec<_> = shapes.iter().map(|shape| shape.kind()).collect();
                kinds.join(", or ")
            }
        }
    }
}
