//! JSON: a document is made, written and read.
use serde_json::{Value, json};
fn main() {
    let mut sum = 0;
    for turn in 0..guests::size() {
        let rows: Vec<Value> = guests::Numbers(turn as u64 + 1)
            .take(200)
            .map(|n| json!({"id": n, "name": format!("row {n}"), "tags": ["a", "b\n", null, true], "at": n as f64 / 7.0}))
            .collect();
        let text = serde_json::to_string(&rows).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        sum += text.len() + read.as_array().unwrap().len();
    }
    println!("{sum}");
}
