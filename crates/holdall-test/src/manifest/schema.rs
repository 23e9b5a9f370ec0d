//! The JSON schema of manifests, from the table of keys.

use std::fmt::Write;

use super::keys::{FILE, Key, Shape};

/// The JSON schema of manifests, for editors.
#[must_use]
pub fn schema() -> String {
    let mut text = String::from(
        "{\n  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n  \"title\": \"A manifest of `holdall test`\",\n",
    );
    members(FILE, 1, &mut text);
    text.push_str("\n}\n");
    text
}

/// The members of the object that describes a shape, without its braces.
fn members(shape: Shape, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let simple = match shape {
        Shape::Flag => r#""type": "boolean""#,
        Shape::Count => r#""type": "integer", "minimum": 0"#,
        Shape::Number => r#""type": "number""#,
        Shape::Text | Shape::Path => r#""type": "string""#,
        Shape::Duration => r#""type": "string", "pattern": "^[0-9.]+(ms|s|m|h)?$""#,
        Shape::Size => {
            r#""anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+(KiB|MiB|GiB)?$" }]"#
        }
        Shape::List(each) => {
            let _ = writeln!(text, "{indent}\"type\": \"array\",\n{indent}\"items\": {{");
            members(*each, depth + 1, text);
            let _ = write!(text, "\n{indent}}}");
            return;
        }
        Shape::Named(each) => {
            let _ = writeln!(
                text,
                "{indent}\"type\": \"object\",\n{indent}\"additionalProperties\": {{"
            );
            members(*each, depth + 1, text);
            let _ = write!(text, "\n{indent}}}");
            return;
        }
        Shape::Any(shapes) => {
            let _ = writeln!(text, "{indent}\"anyOf\": [");
            for (index, shape) in shapes.iter().enumerate() {
                let _ = writeln!(text, "{indent}  {{");
                members(*shape, depth + 2, text);
                let comma = if index + 1 < shapes.len() { "," } else { "" };
                let _ = writeln!(text, "\n{indent}  }}{comma}");
            }
            let _ = write!(text, "{indent}]");
            return;
        }
        Shape::Keys(lists) => {
            keys(lists, depth, text);
            return;
        }
    };
    let _ = write!(text, "{indent}{simple}");
}

fn keys(lists: &[&[Key]], depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let _ = writeln!(
        text,
        "{indent}\"type\": \"object\",\n{indent}\"additionalProperties\": false,\n{indent}\"properties\": {{"
    );
    let count = lists.iter().map(|list| list.len()).sum::<usize>();
    for (index, key) in lists.iter().copied().flatten().enumerate() {
        let about = key.about.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(
            text,
            "{indent}  \"{}\": {{\n{indent}    \"description\": \"{about}\",",
            key.name
        );
        members(key.shape, depth + 2, text);
        let comma = if index + 1 < count { "," } else { "" };
        let _ = writeln!(text, "\n{indent}  }}{comma}");
    }
    let _ = write!(text, "{indent}}}");
}

#[cfg(test)]
mod tests {
    /// What editors are given is in the package.
    #[test]
    fn the_schema_that_is_published_is_that_of_the_keys() {
        let published = include_str!("../../schema/test.schema.json");
        let is_same = published == super::schema();
        assert!(
            is_same,
            "holdall test --schema > crates/holdall-test/schema/test.schema.json"
        );
    }

    #[test]
    fn the_schema_is_json() {
        let schema: serde_json::Value = serde_json::from_str(&super::schema()).expect("JSON");
        let call = &schema["properties"]["case"]["items"]["properties"]["call"];
        assert_eq!(call["type"], "string", "{call}");
    }
}
