/* Globals of the host's that a guest imports, and globals that a guest exports, seen from both sides. */
#include "common.h"

/* module global
(module
  (global $const_f32 (import "host" "const f32") f32)
  (global $var_i64 (import "host" "var i64") (mut i64))
  (global $mine_f64 (export "const f64") f64 (f64.const 7.5))
  (global $mine_i32 (export "var i32") (mut i32) (i32.const 8))
  (func (export "sum") (result f64)
    (f64.add
      (f64.add (f64.promote_f32 (global.get $const_f32)) (f64.convert_i64_s (global.get $var_i64)))
      (f64.add (global.get $mine_f64) (f64.convert_i32_s (global.get $mine_i32)))))
  (func (export "set") (param $a i64) (param $b i32)
    (global.set $var_i64 (local.get $a))
    (global.set $mine_i32 (local.get $b))))
*/

static wasm_global_t *new_global(wasm_store_t *store, wasm_valkind_t kind, wasm_mutability_t mutability, wasm_val_t value)
{
    wasm_globaltype_t *type = wasm_globaltype_new(wasm_valtype_new(kind), mutability);
    wasm_global_t *global = wasm_global_new(store, type, &value);
    wasm_globaltype_delete(type);
    return global;
}

static double sum(const wasm_func_t *func)
{
    wasm_val_t results[] = {WASM_INIT_VAL};
    CHECK(call(func, 0, NULL, 1, results) == NULL);
    CHECK(results[0].kind == WASM_F64);
    return results[0].of.f64;
}

static void show(const wasm_global_t *global)
{
    wasm_val_t value;
    wasm_globaltype_t *type = wasm_global_type(global);
    wasm_global_get(global, &value);
    CHECK(value.kind == wasm_valtype_kind(wasm_globaltype_content(type)));
    printf(wasm_globaltype_mutability(type) == WASM_VAR ? "var" : "const");
    switch (value.kind) {
    case WASM_I32: printf(" i32 %" PRId32 "\n", value.of.i32); break;
    case WASM_I64: printf(" i64 %" PRId64 "\n", value.of.i64); break;
    case WASM_F32: printf(" f32 %g\n", (double)value.of.f32); break;
    case WASM_F64: printf(" f64 %g\n", value.of.f64); break;
    default: printf(" of kind %d\n", value.kind);
    }
    wasm_globaltype_delete(type);
    wasm_val_delete(&value);
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_val_t one = WASM_F32_VAL(1.25f);
    wasm_val_t two = WASM_I64_VAL(2);
    wasm_global_t *globals[4];
    wasm_instance_t *instance;
    wasm_func_t *sum_func;
    wasm_func_t *set_func;
    size_t i;
    globals[0] = new_global(store, WASM_F32, WASM_CONST, one);
    globals[1] = new_global(store, WASM_I64, WASM_VAR, two);
    {
        wasm_extern_t *imports[] = {wasm_global_as_extern(globals[0]), wasm_global_as_extern(globals[1])};
        instance = instance_with(store, "global", imports, 2);
    }
    globals[2] = global_of(instance, 0);
    globals[3] = global_of(instance, 1);
    sum_func = func_of(instance, 2);
    set_func = func_of(instance, 3);
    wasm_instance_delete(instance);
    for (i = 0; i < 4; i++) {
        show(globals[i]);
    }
    printf("sum %g\n", sum(sum_func));

    /* The host sets, the guest sees. */
    two.of.i64 = 200;
    wasm_global_set(globals[1], &two);
    {
        wasm_val_t value = WASM_I32_VAL(-800);
        wasm_global_set(globals[3], &value);
    }
    printf("sum %g\n", sum(sum_func));

    /* The guest sets, the host sees, whichever handle it has. */
    {
        wasm_val_t args[] = {WASM_I64_VAL(INT64_MIN), WASM_I32_VAL(INT32_MAX)};
        wasm_global_t *copy = wasm_global_copy(globals[1]);
        CHECK(call(set_func, 2, args, 0, NULL) == NULL);
        show(copy);
        show(globals[3]);
        wasm_global_delete(copy);
    }

    /* What is constant stays. */
    one.of.f32 = 9;
    wasm_global_set(globals[0], &one);
    show(globals[0]);

    for (i = 0; i < 4; i++) {
        wasm_global_delete(globals[i]);
    }
    wasm_func_delete(sum_func);
    wasm_func_delete(set_func);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
const f32 1.25
var i64 2
const f64 7.5
var i32 8
sum 18.75
sum -591.25
var i64 -9223372036854775808
var i32 2147483647
const f32 1.25
*/
