//! n pairs put into a hash map with open addressing, then looked up, changed, and half of them
//! taken out again: an enum with data, multiplications of 64 bits, short probing loops.

mod common;

use common::{CHECKSUM_START, Random, checksum};

const SEED: u32 = 0xdeca_fbad;

#[derive(Clone, Copy)]
enum Slot {
    Empty,
    /// Held an entry once, so that the search for another one has to go on here.
    Removed,
    Taken {
        key: u64,
        value: u64,
    },
}

/// A map with as many slots as a power of two, of which some always stay empty.
struct Map {
    slots: Vec<Slot>,
}

impl Map {
    fn with_room_for(entries: usize) -> Self {
        let capacity = (2 * entries).next_power_of_two().max(16);
        Self {
            slots: vec![Slot::Empty; capacity],
        }
    }

    /// The indices at which a key may be, the likeliest first.
    fn probe(&self, key: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len() - 1;
        let mut hash = key;
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        let start = hash as usize & mask;
        (0..=mask).map(move |step| (start + step) & mask)
    }

    /// The index of a key's slot.
    fn find(&self, wanted: u64) -> Option<usize> {
        for at in self.probe(wanted) {
            match self.slots[at] {
                Slot::Taken { key, .. } if key == wanted => return Some(at),
                Slot::Empty => return None,
                _ => {}
            }
        }
        None
    }

    fn insert(&mut self, wanted: u64, value: u64) {
        let at = self.probe(wanted).find(|&at| match self.slots[at] {
            Slot::Empty => true,
            Slot::Removed => false,
            Slot::Taken { key, .. } => key == wanted,
        });
        let at = at.expect("some slots stay empty");
        self.slots[at] = Slot::Taken { key: wanted, value };
    }

    fn get_mut(&mut self, key: u64) -> Option<&mut u64> {
        let at = self.find(key)?;
        match &mut self.slots[at] {
            Slot::Taken { value, .. } => Some(value),
            _ => None,
        }
    }

    fn remove(&mut self, key: u64) {
        if let Some(at) = self.find(key) {
            self.slots[at] = Slot::Removed;
        }
    }
}

/// The keys of the n entries, in the order in which they are put in.
fn keys(n: i32) -> impl Iterator<Item = u64> {
    let mut random = Random(SEED);
    (0..n).map(move |_| u64::from(random.draw()) << 20 | 2)
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: i32) -> i64 {
    let mut map = Map::with_room_for(n as usize);
    for (value, key) in keys(n).enumerate() {
        map.insert(key, value as u64);
    }
    let mut sum = CHECKSUM_START;
    for (i, key) in keys(n).enumerate() {
        let Some(value) = map.get_mut(key) else {
            return -1;
        };
        sum = checksum(sum, *value);
        if i % 2 == 1 {
            map.remove(key);
        } else {
            *value = value.wrapping_add(sum);
        }
    }
    let mut missing = 0;
    for key in keys(n) {
        match map.get_mut(key) {
            Some(value) => sum = checksum(sum, *value),
            None => missing += 1,
        }
    }
    checksum(sum, missing) as i64
}
