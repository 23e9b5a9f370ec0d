/* Several results at once, from a function of the host's through a guest to the caller. */
#include "common.h"

/* module multi
(module
  (import "host" "turn" (func $turn (param i32 i64 f32 f64) (result f64 f32 i64 i32)))
  (func (export "turn twice") (param i32 i64 f32 f64) (result i32 i64 f32 f64)
    (local $d f64) (local $c f32) (local $b i64) (local $a i32)
    (call $turn (local.get 0) (local.get 1) (local.get 2) (local.get 3))
    (local.set $a) (local.set $b) (local.set $c) (local.set $d)
    (call $turn (local.get $a) (local.get $b) (local.get $c) (local.get $d))
    (local.set $a) (local.set $b) (local.set $c) (local.set $d)
    (local.get $a) (local.get $b) (local.get $c) (local.get $d)))
*/

static wasm_trap_t *turn(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    size_t i;
    for (i = 0; i < args->size; i++) {
        wasm_val_copy(&results->data[results->size - 1 - i], &args->data[i]);
    }
    results->data[0].of.f64 *= 2;
    results->data[1].of.f32 /= 2;
    results->data[2].of.i64 += 1;
    results->data[3].of.i32 -= 1;
    return NULL;
}

static void show(const wasm_val_t it[])
{
    CHECK(it[0].kind == WASM_I32 && it[1].kind == WASM_I64 && it[2].kind == WASM_F32 && it[3].kind == WASM_F64);
    printf("%" PRId32 " %" PRId64 " %g %g\n", it[0].of.i32, it[1].of.i64, (double)it[2].of.f32, it[3].of.f64);
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_func_t *func = host_func(store, "iIfF", "FfIi", turn);
    wasm_extern_t *imports[] = {wasm_func_as_extern(func)};
    wasm_instance_t *instance = instance_with(store, "multi", imports, 1);
    wasm_func_t *twice = func_of(instance, 0);
    wasm_val_t args[] = {WASM_I32_VAL(1), WASM_I64_VAL(2), WASM_F32_VAL(3), WASM_F64_VAL(4)};
    wasm_val_t results[] = {WASM_INIT_VAL, WASM_INIT_VAL, WASM_INIT_VAL, WASM_INIT_VAL};
    show(args);
    CHECK(call(twice, 4, args, 4, results) == NULL);
    show(results);
    /* The arguments of one call can be where its results go. */
    CHECK(call(twice, 4, results, 4, results) == NULL);
    show(results);
    wasm_func_delete(func);
    wasm_func_delete(twice);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
1 2 3 4
-1 4 0.75 16
-3 6 0.1875 64
*/
