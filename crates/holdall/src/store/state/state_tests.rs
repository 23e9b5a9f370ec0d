//! Tests of capture, check and restoration, without the names and links of a graph.

use super::{BytePiece, Fitting, FuncRef, GlobalState, InstanceState, RefPiece, capture};
use crate::engine::Engine;
use crate::limits::Limits;
use crate::module::Module;
use crate::store::contents::BlockBytes;
use crate::store::{AsContextMut, Func, Instance, Store};
use crate::value::Val;

/// One of everything that is kept, and of what is not.
const ALL: &str = r#"(module
    (memory (export "memory") 1 4)
    (table $funcs (export "funcs") 4 8 funcref)
    (table $externs 2 2 externref)
    (global (mut i32) (i32.const -1)) (global i32 (i32.const 5)) (global (mut i64) (i64.const -2))
    (global (mut f32) (f32.const nan:0x200001)) (global (mut f64) (f64.const -0.5))
    (global (export "func") (mut funcref) (ref.func $f))
    (global (export "extern") (mut externref) (ref.null extern))
    (func $f) (func $g)
    (elem (table $funcs) (i32.const 1) func $g $f)
    (elem $kept func $f $f)
    (elem declare func $g)
    (data (i32.const 8191) "ab")
    (data $passive "c"))"#;

fn instance(text: &str) -> (Store<()>, Instance) {
    let mut store = Store::new(&Engine::default(), ());
    let module = Module::new(store.engine(), text.as_bytes().to_vec()).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, instance)
}

fn captured(store: &Store<()>, instance: Instance) -> (InstanceState, Vec<u8>) {
    let (mut states, bytes) = capture(store.core(), &[instance]).unwrap();
    (states.remove(0), bytes)
}

fn fault(state: &InstanceState, bytes: &[u8], module: &Module) -> String {
    let states = std::slice::from_ref(state);
    match Fitting::new(states, BlockBytes::from(bytes), &[module]) {
        Ok(_) => panic!("it fits"),
        Err(fault) => fault.what,
    }
}

#[test]
fn what_guests_can_change_is_captured_and_nothing_else() {
    let (store, instance) = instance(ALL);
    let (state, bytes) = captured(&store, instance);
    let [memory] = &*state.memories else {
        panic!("{state:?}");
    };
    // Two blocks that stand together.
    assert_eq!(memory.pages, 1);
    assert_eq!(memory.pieces, [BytePiece { first: 1, count: 2 }]);
    assert_eq!(bytes.len(), 8192);
    assert_eq!(&bytes[4095..4097], b"ab");
    let func = |index| FuncRef { instance: 0, index };
    let [funcs, externs] = &*state.tables else {
        panic!("{state:?}");
    };
    let piece = RefPiece {
        first: 1,
        funcs: vec![func(1), func(0)],
    };
    assert_eq!((funcs.size, &*funcs.pieces), (4, &[piece][..]));
    assert_eq!((externs.size, externs.pieces.len()), (2, 0));
    assert_eq!(
        state.globals,
        [
            GlobalState::I32(u32::MAX),
            GlobalState::I64(u64::MAX - 1),
            GlobalState::F32(0x7fa0_0001),
            GlobalState::F64((-0.5_f64).to_bits()),
            GlobalState::Func(func(0)),
            GlobalState::Null,
        ]
    );
    // Active segments and declarations are dropped in every instance.
    assert!(state.dropped_elems.is_empty() && state.dropped_data.is_empty());
}

#[test]
fn what_is_restored_is_captured_the_same_and_shares_nothing() {
    let (mut store, instance) = instance(ALL);
    let module = instance.module(&store);
    let memory = instance.get_memory(&store, "memory").unwrap();
    memory.grow(&mut store, 2).unwrap();
    memory.write(&mut store, 150_000, b"far").unwrap();
    let funcs = instance.get_table(&store, "funcs").unwrap();
    funcs.grow(&mut store, 2, Val::FuncRef(None)).unwrap();
    funcs.set(&mut store, 1, Val::FuncRef(None)).unwrap();
    let (mut state, bytes) = captured(&store, instance);
    state.dropped_elems = vec![1];
    state.dropped_data = vec![1];
    let states = [state];
    let fitting = Fitting::new(&states, BlockBytes::from(&*bytes), &[&module]).unwrap();
    let mut anew = || {
        let restored =
            Instance::allocate_with(&mut store, &module, &[], None, None, fitting.state(0));
        let restored = restored.unwrap();
        let mut context = store.as_context_mut();
        fitting.restore(context.core_mut(), &[restored]);
        restored
    };
    let (one, other) = (anew(), anew());
    for restored in [one, other] {
        let (state, found) = captured(&store, restored);
        assert_eq!((&state, &found), (&states[0], &bytes));
        let data = restored.data(store.core());
        assert!(data.elems.iter().all(Option::is_none));
        assert_eq!(*data.data_dropped, [true, true]);
    }
    let memory = |instance: Instance| instance.get_memory(&store, "memory").unwrap();
    assert_eq!(&memory(one).data(&store)[150_000..150_004], b"far\0");
    assert_ne!(memory(one), memory(other));
    let func = |instance: Instance| {
        let table = instance.get_table(&store, "funcs").unwrap();
        table.get(&store, 2).unwrap().func_ref().unwrap()
    };
    let (one, other): (Option<Func>, _) = (func(one), func(other));
    assert!(one.is_some() && other.is_some() && one != other && one != func(instance));
}

#[test]
fn a_state_that_contradicts_its_module_is_refused() {
    let (store, instance) = instance(ALL);
    let module = instance.module(&store);
    let (good, bytes) = captured(&store, instance);
    let refused = |expected: &str, change: &dyn Fn(&mut InstanceState)| {
        let mut state = good.clone();
        change(&mut state);
        assert_eq!(fault(&state, &bytes, &module), expected);
    };
    let func = |index| FuncRef { instance: 0, index };
    refused("expected 1 memories, found 0", &|state| {
        state.memories.clear();
    });
    refused("expected 2 tables, found 1", &|state| {
        state.tables.pop();
    });
    refused("expected 6 mutable globals, found 7", &|state| {
        state.globals.push(GlobalState::Null);
    });
    for pages in [0, 5, u64::MAX] {
        let expected = format!("memory 0: expected 1 to 4 pages, found {pages}");
        refused(&expected, &|state| state.memories[0].pages = pages);
    }
    for (first, count) in [(15, 2), (u64::MAX, 2), (0, u64::MAX), (17, 0)] {
        let expected =
            format!("memory 0: expected blocks from 0 on and below 16, found {count} at {first}");
        refused(&expected, &|state| {
            state.memories[0].pieces = vec![BytePiece { first, count }];
        });
    }
    refused(
        "memory 0: expected blocks from 3 on and below 16, found 1 at 2",
        &|state| {
            state.memories[0]
                .pieces
                .push(BytePiece { first: 2, count: 1 });
        },
    );
    refused(
        "memory 0: expected 3 blocks of 4096 bytes, found 2",
        &|state| {
            state.memories[0].pieces[0].count = 3;
        },
    );
    refused(
        "4096 bytes are left over after those of its memories",
        &|state| {
            state.memories[0].pieces[0].count = 1;
        },
    );
    refused("table 0: expected 4 to 8 elements, found 9", &|state| {
        state.tables[0].size = 9
    });
    refused(
        "table 0: expected elements from 0 on and below 4, found 2 at 3",
        &|state| {
            state.tables[0].pieces[0].first = 3;
        },
    );
    refused(
        "table 0: expected a function of the graph, found function 2 of instance 0",
        &|state| state.tables[0].pieces[0].funcs[1] = func(2),
    );
    refused("table 1: expected null, found a function", &|state| {
        state.tables[1].pieces = state.tables[0].pieces.clone();
        state.tables[1].pieces[0].first = 0;
    });
    refused("global 0: expected i32, found I64(1)", &|state| {
        state.globals[0] = GlobalState::I64(1);
    });
    refused("global 0: expected i32, found Null", &|state| {
        state.globals[0] = GlobalState::Null
    });
    refused("global 6: expected null, found a function", &|state| {
        state.globals[5] = GlobalState::Func(func(0));
    });
    refused(
        "global 5: expected a function of the graph, found function 0 of instance 1",
        &|state| {
            state.globals[4] = GlobalState::Func(FuncRef {
                instance: 1,
                index: 0,
            });
        },
    );
    refused(
        "expected 3 element segments, found that segment 3 was dropped",
        &|state| {
            state.dropped_elems.push(3);
        },
    );
    refused(
        "expected 2 data segments, found that segment 2 was dropped",
        &|state| {
            state.dropped_data.push(2);
        },
    );
    let cut = fault(&good, &bytes[..8191], &module);
    assert_eq!(cut, "memory 0: expected 2 blocks of 4096 bytes, found 1");
    let more = [&*bytes, b"x"].concat();
    let left = fault(&good, &more, &module);
    assert_eq!(left, "1 bytes are left over after those of its memories");
}

#[test]
fn a_limit_holds_what_a_module_had_grown_to() {
    let (mut store, instance) = instance(ALL);
    let module = instance.module(&store);
    let memory = instance.get_memory(&store, "memory").unwrap();
    memory.grow(&mut store, 2).unwrap();
    let (state, bytes) = captured(&store, instance);
    let states = [state];
    let fitting = Fitting::new(&states, BlockBytes::from(&*bytes), &[&module]).unwrap();
    let mut other = Store::new(module.engine(), ());
    let limits = Limits::new().memory_bytes(2 * 65_536);
    other.limits(limits).unwrap();
    let restored = Instance::allocate_with(&mut other, &module, &[], None, None, fitting.state(0));
    let error = restored.unwrap_err().to_string();
    assert!(
        error.starts_with("limit `memory_bytes` of the store"),
        "{error}"
    );
    assert_eq!(other.core().memory_bytes, 0);
    assert_eq!(other.core().table_elements, 0);
}
