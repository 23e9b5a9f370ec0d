/* Tables of functions and of objects, changed from both sides, and what does not go into them. */
#include "common.h"

/* module tables
(module
  (import "" "funcs" (table $funcs 1 8 funcref))
  (import "" "objects" (table $objects 1 externref))
  (func (export "put") (param i32 funcref externref)
    (table.set $funcs (local.get 0) (local.get 1))
    (table.set $objects (local.get 0) (local.get 2)))
  (func (export "call") (param i32) (result i32)
    (call_indirect $funcs (result i32) (local.get 0)))
  (func (export "seven") (result i32) (i32.const 7))
  (func (export "grow") (param i32) (result i32) (table.grow $objects (ref.null extern) (local.get 0))))
*/

static wasm_trap_t *eight(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)args;
    results->data[0].of.i32 = 8;
    return NULL;
}

static wasm_table_t *new_table(wasm_store_t *store, wasm_valkind_t kind, uint32_t min, uint32_t max, wasm_ref_t *init)
{
    wasm_limits_t limits;
    wasm_tabletype_t *type;
    wasm_table_t *table;
    limits.min = min;
    limits.max = max;
    type = wasm_tabletype_new(wasm_valtype_new(kind), &limits);
    table = wasm_table_new(store, type, init);
    wasm_tabletype_delete(type);
    return table;
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_foreign_t *foreign = wasm_foreign_new(store);
    wasm_func_t *host = host_func(store, "", "i", eight);
    wasm_table_t *funcs = new_table(store, WASM_FUNCREF, 2, 8, wasm_func_as_ref(host));
    wasm_table_t *objects = new_table(store, WASM_EXTERNREF, 3, wasm_limits_max_default, wasm_foreign_as_ref(foreign));
    wasm_extern_t *imports[] = {wasm_table_as_extern(funcs), wasm_table_as_extern(objects)};
    wasm_instance_t *instance = instance_with(store, "tables", imports, 2);
    wasm_func_t *put = func_of(instance, 0);
    wasm_func_t *call_func = func_of(instance, 1);
    wasm_func_t *seven = func_of(instance, 2);
    wasm_func_t *grow = func_of(instance, 3);
    wasm_tabletype_t *type;
    wasm_ref_t *ref;

    printf("%" PRId32 " %" PRId32 "\n", call_1(call_func, 0), call_1(call_func, 1));
    ref = wasm_table_get(objects, 2);
    CHECK(wasm_ref_same(ref, wasm_foreign_as_ref(foreign)));
    wasm_ref_delete(ref);
    {
        wasm_val_t args[] = {WASM_I32_VAL(1), WASM_REF_VAL(wasm_func_as_ref(seven)), WASM_REF_VAL(wasm_func_as_ref(seven))};
        args[1].kind = WASM_FUNCREF;
        tell(call(put, 3, args, 0, NULL));
        printf("%" PRId32 " %" PRId32 "\n", call_1(call_func, 0), call_1(call_func, 1));
        args[0].of.i32 = 5;
        tell(call(put, 3, args, 0, NULL));
    }
    ref = wasm_table_get(objects, 1);
    CHECK(wasm_ref_same(ref, wasm_func_as_ref(seven)));
    wasm_ref_delete(ref);

    /* Objects are no functions; functions are objects. */
    CHECK(!wasm_table_set(funcs, 0, wasm_foreign_as_ref(foreign)));
    CHECK(!wasm_table_set(funcs, 0, wasm_table_as_ref(funcs)));
    CHECK(wasm_table_set(objects, 0, wasm_func_as_ref(host)));
    CHECK(wasm_table_set(objects, 0, wasm_table_as_ref(objects)));
    CHECK(!wasm_table_grow(funcs, 1, wasm_foreign_as_ref(foreign)));
    CHECK(new_table(store, WASM_FUNCREF, 1, 1, wasm_foreign_as_ref(foreign)) == NULL);

    /* At and behind the end. */
    CHECK(wasm_table_get(funcs, 2) == NULL && wasm_table_get(funcs, UINT32_MAX) == NULL);
    CHECK(!wasm_table_set(funcs, 2, NULL) && !wasm_table_set(funcs, UINT32_MAX, NULL));
    CHECK(!wasm_table_grow(funcs, 7, NULL) && !wasm_table_grow(funcs, UINT32_MAX, NULL));
    CHECK(wasm_table_grow(funcs, 6, NULL) && wasm_table_size(funcs) == 8);
    CHECK(!wasm_table_grow(objects, UINT32_MAX, NULL) && wasm_table_size(objects) == 3);
    printf("%" PRId32 "\n", call_1(grow, 2));
    CHECK(wasm_table_size(objects) == 5 && wasm_table_get(objects, 4) == NULL);
    type = wasm_table_type(objects);
    CHECK(wasm_tabletype_limits(type)->min == 5 && wasm_tabletype_limits(type)->max == wasm_limits_max_default);
    CHECK(wasm_valtype_kind(wasm_tabletype_element(type)) == WASM_EXTERNREF);
    wasm_tabletype_delete(type);

    /* Limits that are none, and more than there is. */
    CHECK(new_table(store, WASM_FUNCREF, 2, 1, NULL) == NULL);
    CHECK(new_table(store, WASM_FUNCREF, UINT32_MAX, wasm_limits_max_default, NULL) == NULL);
    /* A table of nothing. */
    {
        wasm_table_t *none = new_table(store, WASM_FUNCREF, 0, 0, NULL);
        CHECK(wasm_table_size(none) == 0 && wasm_table_grow(none, 0, NULL) && !wasm_table_grow(none, 1, NULL));
        wasm_table_delete(none);
    }

    wasm_foreign_delete(foreign);
    wasm_func_delete(host);
    wasm_table_delete(funcs);
    wasm_table_delete(objects);
    wasm_func_delete(put);
    wasm_func_delete(call_func);
    wasm_func_delete(seven);
    wasm_func_delete(grow);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
8 8
no trap
8 7
trap: out of bounds table access
3
*/
