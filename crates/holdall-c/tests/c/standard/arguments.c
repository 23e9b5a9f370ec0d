/* Arguments that do not fit: a trap says what is wrong, and nothing was called. Results that do not fit. */
#include "common.h"

/* module arguments
(module
  (global $calls (export "calls") (mut i32) (i32.const 0))
  (func $count (global.set $calls (i32.add (global.get $calls) (i32.const 1))))
  (func (export "add") (param i32 i64) (result i64)
    (call $count)
    (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)))
  (func (export "func") (param funcref) (result funcref) (call $count) (local.get 0))
  (func (export "extern") (param externref) (result externref) (call $count) (local.get 0))
  (func (export "two") (result f32 f64) (call $count) (f32.const 1) (f64.const 2)))
*/

/* module host
(module
  (import "host" "f" (func (result externref i32)))
  (func (export "run") (result externref i32) (call 0)))
*/

static wasm_trap_t *wrong_kind(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)args;
    results->data[1].kind = WASM_F64;
    results->data[1].of.f64 = 1;
    return NULL;
}

static wasm_trap_t *wrong_ref(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)args;
    results->data[0].kind = WASM_FUNCREF;
    results->data[0].of.ref = (wasm_ref_t *)env;
    return NULL;
}

static wasm_trap_t *untouched(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)args;
    CHECK(results->size == 2 && results->data[0].kind == WASM_EXTERNREF && results->data[0].of.ref == NULL);
    CHECK(results->data[1].kind == WASM_I32 && results->data[1].of.i32 == 0);
    return NULL;
}

static void run_host(wasm_store_t *store, wasm_func_t *func)
{
    wasm_extern_t *imports[] = {wasm_func_as_extern(func)};
    wasm_instance_t *instance = instance_with(store, "host", imports, 1);
    wasm_func_t *run = func_of(instance, 0);
    wasm_val_t results[] = {WASM_I32_VAL(-1), WASM_I32_VAL(-1)};
    tell(call(run, 0, NULL, 2, results));
    /* Without a guest between. */
    tell(call(func, 0, NULL, 2, results));
    wasm_func_delete(run);
    wasm_func_delete(func);
    wasm_instance_delete(instance);
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_store_t *other = wasm_store_new(engine);
    wasm_instance_t *instance = instance_of(store, "arguments");
    wasm_global_t *calls = global_of(instance, 0);
    wasm_func_t *add = func_of(instance, 1);
    wasm_func_t *func = func_of(instance, 2);
    wasm_func_t *object = func_of(instance, 3);
    wasm_func_t *two = func_of(instance, 4);
    wasm_foreign_t *foreign = wasm_foreign_new(store);
    wasm_foreign_t *far = wasm_foreign_new(other);
    wasm_func_t *far_func = host_func(other, "", "", NULL);
    wasm_val_t args[] = {WASM_I32_VAL(1), WASM_I64_VAL(2), WASM_I32_VAL(3)};
    wasm_val_t results[] = {WASM_I32_VAL(-1), WASM_I32_VAL(-1), WASM_I32_VAL(-1)};
    wasm_val_t value;
    CHECK(far_func == NULL);
    far_func = host_func(other, "", "ri", untouched);

    printf("numbers of arguments\n");
    tell(call(add, 0, NULL, 1, results));
    tell(call(add, 1, args, 1, results));
    tell(call(add, 3, args, 1, results));
    tell(call(add, 2, NULL, 1, results));

    printf("types of arguments\n");
    args[0].kind = WASM_I64;
    tell(call(add, 2, args, 1, results));
    args[0].kind = 77;
    tell(call(add, 2, args, 1, results));
    args[0].kind = WASM_EXTERNREF;
    args[0].of.ref = NULL;
    tell(call(add, 2, args, 1, results));
    args[0].of.ref = wasm_foreign_as_ref(foreign);
    args[0].kind = WASM_FUNCREF;
    tell(call(func, 1, args, 1, results));
    args[0].of.ref = wasm_instance_as_ref(instance);
    tell(call(func, 1, args, 1, results));
    args[0].kind = WASM_I32;
    tell(call(func, 1, args, 1, results));

    printf("another store's\n");
    args[0].kind = WASM_EXTERNREF;
    args[0].of.ref = wasm_foreign_as_ref(far);
    tell(call(object, 1, args, 1, results));
    args[0].kind = WASM_FUNCREF;
    args[0].of.ref = wasm_func_as_ref(far_func);
    tell(call(func, 1, args, 1, results));

    CHECK(results[0].kind == WASM_I32 && results[0].of.i32 == -1);
    wasm_global_get(calls, &value);
    printf("%" PRId32 " calls\n", value.of.i32);

    printf("less room than results, and more\n");
    args[0].kind = WASM_I32;
    CHECK(call(add, 2, args, 0, NULL) == NULL);
    CHECK(call(add, 2, args, 1, NULL) == NULL);
    CHECK(call(two, 0, NULL, 1, results) == NULL);
    printf("%g %" PRId32 "\n", (double)results[0].of.f32, results[1].of.i32);
    args[0].kind = WASM_FUNCREF;
    args[0].of.ref = wasm_func_as_ref(add);
    CHECK(call(func, 1, args, 0, NULL) == NULL);
    wasm_global_get(calls, &value);
    printf("%" PRId32 " calls\n", value.of.i32);
    CHECK(call(two, 0, NULL, 3, results) == NULL);
    printf("%g %g %" PRId32 "\n", (double)results[0].of.f32, results[1].of.f64, results[2].of.i32);

    printf("results of the host's\n");
    run_host(store, host_func(store, "", "ri", untouched));
    run_host(store, host_func(store, "", "ri", wrong_kind));
    run_host(store, host_func_with(store, "", "ri", wrong_ref, NULL, NULL));

    wasm_foreign_delete(foreign);
    wasm_foreign_delete(far);
    wasm_func_delete(far_func);
    wasm_global_delete(calls);
    wasm_func_delete(add);
    wasm_func_delete(func);
    wasm_func_delete(object);
    wasm_func_delete(two);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_store_delete(other);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
numbers of arguments
trap: a call of (func (param i32 i64) (result i64)): expected 2 arguments, found 0
trap: a call of (func (param i32 i64) (result i64)): expected 2 arguments, found 1
trap: a call of (func (param i32 i64) (result i64)): expected 2 arguments, found 3
trap: a call of (func (param i32 i64) (result i64)): expected 2 arguments, found 0
types of arguments
trap: argument 0: expected i32, found i64
trap: argument 0: expected i32, found the unknown kind 77
trap: argument 0: expected i32, found externref
trap: argument 0: expected funcref, found a reference to no function
trap: argument 0: expected funcref, found a reference to no function
trap: argument 0: expected funcref, found i32
another store's
trap: argument 0: expected externref of this store, found a reference to something of another
trap: argument 0: expected funcref of this store, found a reference to something of another
0 calls
less room than results, and more
1 -1
4 calls
1 2 -1
results of the host's
no trap
no trap
trap: result 1 of a function of C: expected i32, found f64
trap: result 1 of a function of C: expected i32, found f64
no trap
no trap
*/
