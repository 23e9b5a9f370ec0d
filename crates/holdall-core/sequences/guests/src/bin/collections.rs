//! Maps, sets, heaps and sorted words of the standard library.
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
fn main() {
    let size = guests::size();
    let text = guests::text(size);
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in &words {
        *counts.entry(word).or_default() += 1;
    }
    words.sort_unstable();
    let tree: BTreeMap<usize, usize> = guests::Numbers(9)
        .take(size)
        .enumerate()
        .map(|(n, key)| (key, n))
        .collect();
    let mut heap: BinaryHeap<usize> = guests::Numbers(11).take(size).collect();
    let set: HashSet<usize> = guests::Numbers(13).take(size).map(|n| n % 5000).collect();
    let mut sum = tree.range(1 << 20..).map(|(_, n)| n).sum::<usize>();
    while let Some(n) = heap.pop() {
        sum ^= n;
    }
    println!("{} {} {sum} {}", counts.len(), words[size / 2], set.len());
}
