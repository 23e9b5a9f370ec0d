//! Values and types, made and taken apart.

use holdall::{
    Engine, ExternRef, ExternType, Func, FuncType, GlobalType, MemoryType, Mutability, RefType,
    Result, Store, TableType, Val, ValType,
};

#[test]
fn values_go_in_and_out_of_rust() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let (func, value) = (
        Func::wrap(&mut store, || ()),
        ExternRef::new(&mut store, ()),
    );
    assert_eq!(i32::try_from(Val::from(-1))?, -1);
    assert_eq!(u32::try_from(Val::from(u32::MAX))?, u32::MAX);
    assert_eq!(i64::try_from(Val::from(-1_i64))?, -1);
    assert_eq!(u64::try_from(Val::from(u64::MAX))?, u64::MAX);
    assert_eq!(f32::try_from(Val::from(0.5_f32))?, 0.5);
    assert_eq!(f64::try_from(Val::from(0.5_f64))?, 0.5);
    assert_eq!(u128::try_from(Val::from(1_u128 << 100))?, 1 << 100);
    assert!(bool::try_from(Val::from(true))?);
    assert_eq!(Func::try_from(Val::from(func))?, func);
    assert_eq!(Option::<Func>::try_from(Val::null_func_ref())?, None);
    assert_eq!(ExternRef::try_from(Val::from(value))?, value);
    assert_eq!(
        Option::<ExternRef>::try_from(Val::from(value))?,
        Some(value)
    );

    let wrong = i32::try_from(Val::I64(1)).unwrap_err();
    assert_eq!(wrong.to_string(), "expected i32, found i64");
    let null = Func::try_from(Val::null_func_ref()).unwrap_err();
    assert_eq!(
        null.to_string(),
        "expected funcref that is not null, found funcref"
    );
    assert_eq!(Val::I32(3).unwrap_i32(), 3);
    assert_eq!(Val::I64(3).unwrap_i64(), 3);
    assert_eq!(Val::from(1.5_f32).unwrap_f32(), 1.5);
    assert_eq!(Val::from(1.5_f64).unwrap_f64(), 1.5);
    assert_eq!(Val::V128(3).unwrap_v128(), 3);
    assert_eq!(
        Val::from([1_u32, 2, 3, 4]),
        Val::V128(4 << 96 | 3 << 64 | 2 << 32 | 1)
    );
    assert_eq!(<[f64; 2]>::try_from(Val::from([0.5, -1.5]))?, [0.5, -1.5]);
    let wrong = <[i8; 16]>::try_from(Val::I32(1)).unwrap_err();
    assert_eq!(wrong.to_string(), "expected v128, found i32");
    assert_eq!(Val::from(func).unwrap_func_ref(), Some(func));
    assert_eq!(Val::null_extern_ref().unwrap_extern_ref(), None);
    assert_eq!(Val::F32(0).i32(), None);
    assert!(Val::null_func_ref().is_null() && !Val::I32(0).is_null());
    Ok(())
}

#[test]
#[should_panic(expected = "expected an i32, found f64")]
fn unwrapping_says_what_was_found() {
    let _ = Val::from(1.0_f64).unwrap_i32();
}

#[test]
fn values_are_equal_by_type_and_bits() {
    assert_eq!(Val::from(f64::NAN), Val::from(f64::NAN));
    assert_ne!(Val::from(0.0_f32), Val::from(-0.0_f32));
    assert_ne!(Val::I32(1), Val::I64(1));
    assert_ne!(Val::null_func_ref(), Val::null_extern_ref());
}

#[test]
fn memories_match_by_sharing_page_size_and_addresses() {
    let plain = MemoryType::new(1, Some(2));
    let others = [
        MemoryType::shared(1, 2),
        plain.with_page_size_log2(0),
        MemoryType::new64(1, Some(2)),
    ];
    for other in others {
        let (plain, other) = (ExternType::Memory(plain), ExternType::Memory(other));
        assert!(other.matches(&other) && plain.matches(&plain));
        assert!(!other.matches(&plain) && !plain.matches(&other), "{other}");
    }
    let most = [65_536, u64::from(u32::MAX), 1 << 48, u64::MAX];
    let types = [MemoryType::new(0, None), MemoryType::new64(0, None)];
    let found = types.map(|ty| [ty.most_pages(), ty.with_page_size_log2(0).most_pages()]);
    assert_eq!(found.as_flattened(), most);
    // No module has such a type, and no memory can be made of one.
    let nonsense = plain.with_page_size_log2(255);
    assert_eq!((nonsense.page_size(), nonsense.most_pages()), (1 << 63, 1));
}

#[test]
fn types_are_made_by_functions() {
    let memory = MemoryType::new(1, Some(2));
    assert_eq!((memory.min, memory.max, memory.is_64), (1, Some(2), false));
    assert_eq!(MemoryType::new64(1, None).to_string(), "(memory i64 1)");
    let bytes = MemoryType::shared(1, 9).with_page_size_log2(0);
    assert_eq!(bytes.to_string(), "(memory 1 9 shared (pagesize 1))");
    assert!(bytes.is_shared() && !bytes.is_64() && bytes.page_size() == 1);
    let table = TableType::new(RefType::FUNCREF, 10, None);
    assert_eq!(table.to_string(), "(table 10 funcref)");
    let table = TableType::new64(RefType::EXTERNREF, 0, Some(1));
    assert_eq!(table.to_string(), "(table i64 0 1 externref)");
    let global = GlobalType::new(ValType::I32, Mutability::Var);
    assert_eq!(global.to_string(), "(global (mut i32))");
    let func = ExternType::Func(FuncType::new([ValType::I32], []));
    assert_eq!(func.func().map(|ty| ty.params().len()), Some(1));
    assert!(func.memory().is_none() && func.table().is_none() && func.global().is_none());
}
