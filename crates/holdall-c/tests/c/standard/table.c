/* A table of functions: the host looks at it, calls what is in it, changes it, and makes it longer. */
#include "common.h"

/* module table
(module
  (type $unary (func (param i32) (result i32)))
  (table (export "table") 2 6 funcref)
  (elem (i32.const 1) $double)
  (func (export "indirect") (param $index i32) (param $argument i32) (result i32)
    (call_indirect (type $unary) (local.get $argument) (local.get $index)))
  (func $double (export "double") (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))
  (func (export "half") (param i32) (result i32) (i32.shr_s (local.get 0) (i32.const 1)))
  (func (export "neither") (nop)))
*/

static wasm_trap_t *negated(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    wasm_val_t value = WASM_I32_VAL(-args->data[0].of.i32);
    results->data[0] = value;
    return NULL;
}

/* Calls each element with 100, from the guest. */
static void show(const wasm_table_t *table, const wasm_func_t *indirect)
{
    wasm_table_size_t i;
    printf("%" PRIu32 " elements\n", wasm_table_size(table));
    for (i = 0; i <= wasm_table_size(table); i++) {
        wasm_val_t args[] = {WASM_I32_VAL((int32_t)i), WASM_I32_VAL(100)};
        wasm_val_t results[] = {WASM_INIT_VAL};
        wasm_trap_t *trap = call(indirect, 2, args, 1, results);
        wasm_ref_t *ref = wasm_table_get(table, i);
        printf("  %" PRIu32 " %s ", i, ref == NULL ? "null" : "func");
        wasm_ref_delete(ref);
        if (trap == NULL) {
            printf("%" PRId32 "\n", results[0].of.i32);
        } else {
            tell(trap);
        }
    }
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_instance_t *instance = instance_of(store, "table");
    wasm_table_t *table = table_of(instance, 0);
    wasm_func_t *indirect = func_of(instance, 1);
    wasm_func_t *twice = func_of(instance, 2);
    wasm_func_t *half = func_of(instance, 3);
    wasm_func_t *neither = func_of(instance, 4);
    wasm_func_t *host = host_func(store, "i", "i", negated);
    wasm_ref_t *ref;

    show(table, indirect);
    ref = wasm_table_get(table, 1);
    CHECK(wasm_func_same(wasm_ref_as_func(ref), twice));
    wasm_ref_delete(ref);

    CHECK(wasm_table_set(table, 0, wasm_func_as_ref(half)));
    CHECK(wasm_table_set(table, 1, NULL));
    CHECK(!wasm_table_set(table, 2, wasm_func_as_ref(half)));
    show(table, indirect);

    CHECK(wasm_table_grow(table, 2, wasm_func_as_ref(twice)));
    CHECK(wasm_table_set(table, 1, wasm_func_as_ref(host)));
    CHECK(wasm_table_set(table, 2, wasm_func_as_ref(neither)));
    show(table, indirect);
    CHECK(!wasm_table_grow(table, 3, NULL));
    CHECK(wasm_table_grow(table, 0, NULL));
    CHECK(wasm_table_grow(table, 2, NULL));
    CHECK(!wasm_table_grow(table, 1, NULL));
    printf("%" PRIu32 " elements\n", wasm_table_size(table));

    {
        wasm_limits_t limits = {3, 4};
        wasm_tabletype_t *type = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
        wasm_table_t *own_table = wasm_table_new(store, type, wasm_func_as_ref(host));
        CHECK(wasm_table_size(own_table) == 3);
        ref = wasm_table_get(own_table, 2);
        CHECK(call_1(wasm_ref_as_func(ref), 5) == -5);
        wasm_ref_delete(ref);
        CHECK(wasm_table_grow(own_table, 1, NULL) && !wasm_table_grow(own_table, 1, NULL));
        CHECK(wasm_table_get(own_table, 3) == NULL);
        wasm_table_delete(own_table);
        wasm_tabletype_delete(type);
    }

    wasm_table_delete(table);
    wasm_func_delete(indirect);
    wasm_func_delete(twice);
    wasm_func_delete(half);
    wasm_func_delete(neither);
    wasm_func_delete(host);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
2 elements
  0 null trap: uninitialized element
  1 func 200
  2 null trap: undefined element
2 elements
  0 func 50
  1 null trap: uninitialized element
  2 null trap: undefined element
4 elements
  0 func 50
  1 func -100
  2 func trap: indirect call type mismatch
  3 func 200
  4 null trap: undefined element
6 elements
*/
