//! Growth inside a pool: to its last byte, beside other memories, by guests that want all of it.

use super::*;

/// Grows its memory and its table by its argument, runs a function that was not lowered before,
/// and touches what it has.
const GUEST: &str = r#"(module
    (memory (export "m") 1)
    (table (export "t") 0 funcref)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "grow_table") (param i32) (result i32)
        (table.grow (ref.null func) (local.get 0)))
    (func (export "hog") (param $most i32) (result i32) (local $refused i32)
        (loop $again
            (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1))
                (then (local.set $refused (i32.add (local.get $refused) (i32.const 1))))
                (else
                    (i32.store
                        (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4))
                        (memory.size))))
            (if (i32.eq (table.grow (ref.null func) (i32.const 100)) (i32.const -1))
                (then (local.set $refused (i32.add (local.get $refused) (i32.const 1)))))
            (br_if $again
                (local.tee $most (i32.sub (local.get $most) (i32.const 1)))))
        (local.get $refused))
    (func (export "check") (param $page i32) (result i32)
        (i32.load (i32.sub (i32.mul (local.get $page) (i32.const 65536)) (i32.const 4)))))"#;

#[test]
fn a_memory_grows_page_by_page_to_the_end_of_the_pool() {
    // Room for a stack, for code and for less than a page more.
    let pool = pool(STACK + 40 * PAGE + 2_000);
    let (mut store, instance) = instance(&engine(&pool), GUEST);
    for size in 1..40 {
        assert_eq!(call(&mut store, instance, "grow", 1).unwrap(), size);
    }
    assert_eq!(call(&mut store, instance, "grow", 1).unwrap(), -1);
    assert_eq!(call(&mut store, instance, "grow", 0).unwrap(), 40);
    assert!(pool.left_bytes() < PAGE);
    drop(store);
    assert_eq!(pool.used_bytes(), 0);
}

#[test]
fn what_is_lowered_late_does_not_stand_in_a_memory_s_way() {
    let pool = pool(STACK + 10 * PAGE + 2_000);
    let text = GUEST.replace("(memory (export \"m\") 1)", "(memory (export \"m\") 7)");
    let (mut store, instance) = instance(&engine(&pool), &text);
    // Code and a table, after the memory: more than half of the pool is one memory by now.
    assert_eq!(call(&mut store, instance, "grow_table", 3).unwrap(), 0);
    assert_eq!(call(&mut store, instance, "check", 1).unwrap(), 0);
    assert_eq!(call(&mut store, instance, "grow", 3).unwrap(), 7);
}

#[test]
fn memories_that_grow_in_turns_keep_what_they_hold() {
    let pool = pool(STACK + 64 * PAGE);
    let mut store = Store::try_new(&engine(&pool), ()).unwrap();
    let memories = [1_u8, 2, 3].map(|mark| (mark, Memory::new(&mut store, pages(0)).unwrap()));
    let mut grown = 0;
    loop {
        let before = grown;
        for (mark, memory) in &memories {
            let old = memory.data_size(&store);
            if memory.grow(&mut store, 1).is_err() {
                continue;
            }
            grown += 1;
            let bytes = memory.data_mut(&mut store);
            assert_eq!(bytes.as_ptr().addr() % 16, 0);
            assert!(bytes[..old].iter().all(|byte| byte == mark));
            assert!(bytes[old..].iter().all(|byte| *byte == 0));
            bytes[old..].fill(*mark);
        }
        if grown == before {
            break;
        }
    }
    // Moving leaves gaps, but they are found again.
    assert!(grown > 48, "{grown} of 64 pages");
}

#[test]
fn a_guest_that_grows_endlessly_is_refused_and_keeps_its_bytes() {
    let pool = pool(STACK + 30 * PAGE);
    let (mut store, instance) = instance(&engine(&pool), GUEST);
    let refused = call(&mut store, instance, "hog", 20_000).unwrap();
    assert!((39_000..40_000).contains(&refused), "{refused}");
    let memory = instance.get_memory(&store, "m").unwrap();
    let size = i32::try_from(memory.size(&store)).unwrap();
    assert!(size > 15, "{size} pages");
    for page in 2..=size {
        assert_eq!(call(&mut store, instance, "check", page).unwrap(), page);
    }
    assert_eq!(call(&mut store, instance, "grow", -1).unwrap(), -1);
    assert_eq!(call(&mut store, instance, "grow_table", -1).unwrap(), -1);
    drop(store);
    assert_eq!(pool.used_bytes(), 0);
}

#[test]
fn a_guest_that_takes_all_leaves_another_store_its_own() {
    let pool = pool(2 * STACK + 20 * PAGE);
    let engine = engine(&pool);
    let (mut calm, calm_instance) = instance(&engine, GUEST);
    assert_eq!(call(&mut calm, calm_instance, "grow", 1).unwrap(), 1);
    let (mut greedy, greedy_instance) = instance(&engine, GUEST);
    call(&mut greedy, greedy_instance, "hog", 1_000).unwrap();
    assert_eq!(call(&mut calm, calm_instance, "grow", 1).unwrap(), -1);
    assert_eq!(call(&mut calm, calm_instance, "grow", 0).unwrap(), 2);
    drop(greedy);
    assert_eq!(call(&mut calm, calm_instance, "grow", 8).unwrap(), 2);
    let memory = calm_instance.get_memory(&calm, "m").unwrap();
    assert!(is_zero(memory, &calm));
}
