/* Globals of every type: made by the host, read and set from both sides, refused where they do not fit. */
#include "common.h"

/* module globals
(module
  (import "" "i32" (global $a (mut i32)))
  (import "" "i64" (global $b (mut i64)))
  (import "" "f32" (global $c (mut f32)))
  (import "" "f64" (global $d (mut f64)))
  (import "" "externref" (global $e (mut externref)))
  (import "" "funcref" (global $f (mut funcref)))
  (elem declare func $seven)
  (func $seven (export "seven") (result i32) (i32.const 7))
  (func (export "clear")
    (global.set $a (i32.const -1))
    (global.set $b (i64.const -2))
    (global.set $c (f32.const -3))
    (global.set $d (f64.const -inf))
    (global.set $e (ref.null extern))
    (global.set $f (ref.func $seven))))
*/

static wasm_val_t get(const wasm_global_t *global)
{
    wasm_val_t value;
    wasm_global_get(global, &value);
    return value;
}

static wasm_global_t *new_global(wasm_store_t *store, wasm_mutability_t mutability, const wasm_val_t *value, wasm_valkind_t kind)
{
    wasm_globaltype_t *type = wasm_globaltype_new(wasm_valtype_new(kind), mutability);
    wasm_global_t *global = wasm_global_new(store, type, value);
    wasm_globaltype_delete(type);
    return global;
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_store_t *other = wasm_store_new(engine);
    wasm_foreign_t *foreign = wasm_foreign_new(store);
    wasm_foreign_t *far = wasm_foreign_new(other);
    wasm_val_t values[] = {
        WASM_I32_VAL(INT32_MIN), WASM_I64_VAL(INT64_MAX), WASM_F32_VAL(1.5f), WASM_F64_VAL(2.5), WASM_REF_VAL(NULL), WASM_INIT_VAL};
    wasm_global_t *globals[6];
    wasm_extern_t *imports[6];
    wasm_instance_t *instance;
    wasm_func_t *seven;
    wasm_func_t *clear;
    wasm_val_t value;
    size_t i;
    size_t j;
    values[4].of.ref = wasm_foreign_as_ref(foreign);
    values[5].kind = WASM_FUNCREF;
    for (i = 0; i < 6; i++) {
        globals[i] = new_global(store, WASM_VAR, &values[i], values[i].kind);
        imports[i] = wasm_global_as_extern(globals[i]);
    }
    CHECK(get(globals[0]).of.i32 == INT32_MIN && get(globals[1]).of.i64 == INT64_MAX);
    CHECK(get(globals[2]).of.f32 == 1.5f && get(globals[3]).of.f64 == 2.5);
    value = get(globals[4]);
    CHECK(value.kind == WASM_EXTERNREF && wasm_ref_same(value.of.ref, values[4].of.ref));
    wasm_val_delete(&value);
    CHECK(get(globals[5]).kind == WASM_FUNCREF && get(globals[5]).of.ref == NULL);

    /* A value of another type makes no global, and changes none. */
    for (i = 0; i < 6; i++) {
        for (j = 0; j < 6; j++) {
            wasm_global_t *global = new_global(store, WASM_CONST, &values[j], values[i].kind);
            wasm_val_t before = get(globals[i]);
            wasm_val_t after;
            /* Which object a reference is to counts, not which of the two kinds the value says. */
            CHECK((global != NULL) == (i == j || (i == 4 && j == 5)));
            wasm_global_set(globals[i], &values[j]);
            after = get(globals[i]);
            CHECK(before.kind == after.kind);
            CHECK(wasm_valkind_is_ref(before.kind) || memcmp(&before.of, &after.of, i % 2 == 0 ? 4 : 8) == 0);
            wasm_val_delete(&after);
            if (j == 5) {
                wasm_global_set(globals[i], &before);
            }
            wasm_val_delete(&before);
            if (global != NULL) {
                /* What is constant stays. */
                value = values[i];
                value.of.i64 = 0;
                wasm_global_set(global, &value);
                value = get(global);
                CHECK(i >= 4 || value.of.i32 != 0 || value.of.i64 != 0);
                wasm_val_delete(&value);
                wasm_global_delete(global);
            }
        }
    }

    /* Another store's objects, and a function's place for what is no function. */
    value.kind = WASM_EXTERNREF;
    value.of.ref = wasm_foreign_as_ref(far);
    wasm_global_set(globals[4], &value);
    CHECK(new_global(store, WASM_VAR, &value, WASM_EXTERNREF) == NULL);
    value = get(globals[4]);
    CHECK(wasm_ref_same(value.of.ref, values[4].of.ref));
    wasm_val_delete(&value);
    value.kind = WASM_FUNCREF;
    value.of.ref = wasm_foreign_as_ref(foreign);
    wasm_global_set(globals[5], &value);
    CHECK(get(globals[5]).of.ref == NULL);

    instance = instance_with(store, "globals", imports, 6);
    seven = func_of(instance, 0);
    clear = func_of(instance, 1);
    wasm_instance_delete(instance);
    CHECK(call_0(clear) == NULL);
    CHECK(get(globals[0]).of.i32 == -1 && get(globals[1]).of.i64 == -2);
    CHECK(get(globals[2]).of.f32 == -3 && get(globals[3]).of.f64 < -1e308);
    CHECK(get(globals[4]).of.ref == NULL);
    value = get(globals[5]);
    CHECK(wasm_ref_as_func(value.of.ref) != NULL && wasm_func_same(wasm_ref_as_func(value.of.ref), seven));
    wasm_val_delete(&value);

    /* The bits of a number that is none stay. */
    {
        uint32_t bits = 0x7fa00001;
        memset(&value, 0, sizeof value);
        value.kind = WASM_F32;
        memcpy(&value.of.f32, &bits, sizeof bits);
        wasm_global_set(globals[2], &value);
        value = get(globals[2]);
        CHECK(memcmp(&value.of.f32, &bits, sizeof bits) == 0);
    }

    for (i = 0; i < 6; i++) {
        wasm_global_delete(globals[i]);
    }
    wasm_func_delete(seven);
    wasm_func_delete(clear);
    wasm_foreign_delete(foreign);
    wasm_foreign_delete(far);
    wasm_store_delete(store);
    wasm_store_delete(other);
    wasm_engine_delete(engine);
    return 0;
}
