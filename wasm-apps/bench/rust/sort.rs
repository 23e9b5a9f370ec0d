//! n pseudo-random i32 sorted: quicksort with a median of three, insertion sort for short slices.

mod common;

use common::{CHECKSUM_START, Random, checksum};

/// Slices that are not longer are left to the insertion sort.
const SHORT: usize = 13;

fn insertion_sort(items: &mut [i32]) {
    for at in 1..items.len() {
        let value = items[at];
        let mut to = at;
        while to > 0 && items[to - 1] > value {
            items[to] = items[to - 1];
            to -= 1;
        }
        items[to] = value;
    }
}

/// Swaps items until none before the first index is above the pivot, and none from the second index
/// on below it. What is between them equals it.
fn partition(items: &mut [i32]) -> (usize, usize) {
    let last = items.len() - 1;
    let middle = last / 2;
    if items[middle] < items[0] {
        items.swap(middle, 0);
    }
    if items[last] < items[0] {
        items.swap(last, 0);
    }
    if items[last] < items[middle] {
        items.swap(last, middle);
    }
    let pivot = items[middle];
    let mut left = 0;
    let mut right = items.len();
    while left < right {
        while items[left] < pivot {
            left += 1;
        }
        while items[right - 1] > pivot {
            right -= 1;
        }
        if left < right {
            items.swap(left, right - 1);
            left += 1;
            right -= 1;
        }
    }
    (right, left)
}

fn quicksort(mut items: &mut [i32]) {
    while items.len() > SHORT {
        let (low_end, high_start) = partition(items);
        let (low, high) = items.split_at_mut(high_start);
        let low = &mut low[..low_end];
        // The shorter side by a call, the longer one by the loop: depth is logarithmic.
        let (shorter, longer) = if low.len() < high.len() {
            (low, high)
        } else {
            (high, low)
        };
        quicksort(shorter);
        items = longer;
    }
    insertion_sort(items);
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: i32) -> i64 {
    let mut random = Random(0x0123_4567);
    let mut items: Vec<i32> = (0..n).map(|_| random.draw() as i32).collect();
    quicksort(&mut items);
    if !items.is_sorted() {
        return -1;
    }
    items
        .iter()
        .map(|item| u64::from(*item as u32))
        .fold(CHECKSUM_START, checksum) as i64
}
