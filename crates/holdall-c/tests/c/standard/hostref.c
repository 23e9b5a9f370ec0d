/* References to the host's own objects go through a guest's globals, tables and calls, and come back the same. */
#include "common.h"

/* module hostref
(module
  (import "host" "pass" (func $pass (param externref) (result externref)))
  (global $held (export "held") (mut externref) (ref.null extern))
  (table $kept (export "kept") 3 externref)
  (func (export "hold") (param externref) (global.set $held (local.get 0)))
  (func (export "held again") (result externref) (global.get $held))
  (func (export "keep") (param i32 externref) (table.set $kept (local.get 0) (local.get 1)))
  (func (export "kept again") (param i32) (result externref) (table.get $kept (local.get 0)))
  (func (export "through") (param externref) (result externref) (call $pass (local.get 0))))
*/

static const char *info_of(const wasm_ref_t *ref)
{
    if (ref == NULL) {
        return "null";
    }
    return wasm_ref_get_host_info(ref) == NULL ? "no name" : (const char *)wasm_ref_get_host_info(ref);
}

static wasm_trap_t *pass(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    printf("passed %s\n", info_of(args->data[0].of.ref));
    wasm_val_copy(&results->data[0], &args->data[0]);
    return NULL;
}

/* Calls with an index (where it is not negative) and a reference; gives what comes back. */
static wasm_ref_t *with(const wasm_func_t *func, int32_t index, wasm_ref_t *ref)
{
    wasm_val_t all[] = {WASM_I32_VAL(index), WASM_REF_VAL(ref)};
    wasm_val_t results[] = {WASM_INIT_VAL};
    size_t params = wasm_func_param_arity(func);
    size_t given = wasm_func_result_arity(func);
    CHECK(call(func, params, index < 0 ? all + 1 : all, given, results) == NULL);
    CHECK(results[0].kind == WASM_EXTERNREF);
    return results[0].of.ref;
}

/* Prints what a reference is to, and deletes it. */
static void show(const char *what, wasm_ref_t *ref)
{
    printf("%s: %s\n", what, info_of(ref));
    wasm_ref_delete(ref);
}

int main(void)
{
    static char one[] = "one";
    static char two[] = "two";
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_func_t *pass_func = host_func(store, "r", "r", pass);
    wasm_extern_t *imports[] = {wasm_func_as_extern(pass_func)};
    wasm_instance_t *instance = instance_with(store, "hostref", imports, 1);
    wasm_global_t *held = global_of(instance, 0);
    wasm_table_t *kept = table_of(instance, 1);
    wasm_func_t *hold = func_of(instance, 2);
    wasm_func_t *held_again = func_of(instance, 3);
    wasm_func_t *keep = func_of(instance, 4);
    wasm_func_t *kept_again = func_of(instance, 5);
    wasm_func_t *through = func_of(instance, 6);
    wasm_ref_t *a = wasm_foreign_as_ref(wasm_foreign_new(store));
    wasm_ref_t *b = wasm_foreign_as_ref(wasm_foreign_new(store));
    wasm_val_t value;
    wasm_ref_t *back;
    wasm_ref_set_host_info(a, one);
    wasm_ref_set_host_info(b, two);

    /* A global: set by the guest, by the host, to null. */
    show("at first", with(held_again, -1, NULL));
    with(hold, -1, a);
    back = with(held_again, -1, NULL);
    CHECK(wasm_ref_same(back, a) && !wasm_ref_same(back, b));
    show("held", back);
    value.kind = WASM_EXTERNREF;
    value.of.ref = b;
    wasm_global_set(held, &value);
    show("held", with(held_again, -1, NULL));
    wasm_global_get(held, &value);
    CHECK(value.kind == WASM_EXTERNREF && wasm_ref_same(value.of.ref, b));
    wasm_val_delete(&value);
    with(hold, -1, NULL);
    show("held", with(held_again, -1, NULL));

    /* A table, likewise. */
    with(keep, 0, a);
    CHECK(wasm_table_set(kept, 2, b));
    show("kept 0", wasm_table_get(kept, 0));
    show("kept 1", with(kept_again, 1, NULL));
    show("kept 2", with(kept_again, 2, NULL));

    /* Through the guest to the host and back. */
    show("through", with(through, -1, a));
    show("through", with(through, -1, NULL));
    /* A function is a reference, too. */
    back = with(through, -1, wasm_func_as_ref(pass_func));
    CHECK(wasm_ref_as_func(back) != NULL && wasm_func_same(wasm_ref_as_func(back), pass_func));
    CHECK(wasm_ref_as_foreign(back) == NULL);
    wasm_ref_delete(back);

    wasm_ref_delete(a);
    wasm_ref_delete(b);
    /* The guest holds the object although the host has no handle to it any more. */
    show("kept 2", with(kept_again, 2, NULL));
    wasm_func_delete(pass_func);
    wasm_func_delete(hold);
    wasm_func_delete(held_again);
    wasm_func_delete(keep);
    wasm_func_delete(kept_again);
    wasm_func_delete(through);
    wasm_global_delete(held);
    wasm_table_delete(kept);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
at first: null
held: one
held: two
held: null
kept 0: one
kept 1: null
kept 2: two
passed one
through: one
passed null
through: null
passed no name
kept 2: two
*/
