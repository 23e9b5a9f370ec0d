/* References of one kind, asked as another; objects of the host's that only a guest holds. */
#include "common.h"

/* module references
(module
  (global $held (mut externref) (ref.null extern))
  (func (export "hold") (param externref) (global.set $held (local.get 0)))
  (func (export "held") (result externref) (global.get $held))
  (func (export "is null") (param externref funcref) (result i32)
    (i32.or (i32.shl (ref.is_null (local.get 0)) (i32.const 1)) (ref.is_null (local.get 1))))
  (func (export "self") (result funcref) (ref.func 3))
  (func (export "same") (param externref) (result externref) (local.get 0))
  (func (export "no null") (param (ref func)))
  (memory (export "memory") 1)
  (table (export "table") 1 externref)
  (global (export "global") i32 (i32.const 0)))
*/

static int ended;

static void end(void *info)
{
    (void)info;
    ended++;
}

static wasm_ref_t *get(const wasm_func_t *func)
{
    wasm_val_t results[] = {WASM_INIT_VAL};
    CHECK(call(func, 0, NULL, 1, results) == NULL);
    return results[0].of.ref;
}

/* Through the guest and back. */
static void same(const wasm_func_t *func, wasm_ref_t *ref)
{
    wasm_val_t args[] = {WASM_REF_VAL(ref)};
    wasm_val_t results[] = {WASM_INIT_VAL};
    wasm_trap_t *trap = call(func, 1, args, 1, results);
    CHECK(trap == NULL);
    CHECK(wasm_ref_same(results[0].of.ref, ref));
    wasm_val_delete(&results[0]);
    wasm_trap_delete(trap);
}

#define KINDS(ref, expected)                                                                                 \
    CHECK((wasm_ref_as_func(ref) != NULL) == (expected == 'f'));                                             \
    CHECK((wasm_ref_as_global(ref) != NULL) == (expected == 'g'));                                           \
    CHECK((wasm_ref_as_table(ref) != NULL) == (expected == 't'));                                            \
    CHECK((wasm_ref_as_memory(ref) != NULL) == (expected == 'm'));                                           \
    CHECK((wasm_ref_as_instance(ref) != NULL) == (expected == 'i'));                                         \
    CHECK((wasm_ref_as_foreign(ref) != NULL) == (expected == 'o'));                                          \
    CHECK((wasm_ref_as_trap(ref) != NULL) == (expected == '!'));                                             \
    CHECK((wasm_ref_as_module(ref) != NULL) == (expected == 'M'));                                           \
    CHECK((wasm_ref_as_extern(ref) != NULL) == (strchr("fgtm", expected) != NULL))

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_instance_t *instance = instance_of(store, "references");
    wasm_func_t *hold = func_of(instance, 0);
    wasm_func_t *held = func_of(instance, 1);
    wasm_func_t *is_null = func_of(instance, 2);
    wasm_func_t *self = func_of(instance, 3);
    wasm_func_t *through = func_of(instance, 4);
    wasm_func_t *no_null = func_of(instance, 5);
    wasm_memory_t *memory = memory_of(instance, 6);
    wasm_table_t *table = table_of(instance, 7);
    wasm_global_t *global = global_of(instance, 8);
    wasm_foreign_t *foreign = wasm_foreign_new(store);
    wasm_trap_t *trap = trap_with(store, "text");
    wasm_module_t *module = module_of(store, "references");
    wasm_ref_t *ref;

    KINDS(wasm_func_as_ref(hold), 'f');
    KINDS(wasm_global_as_ref(global), 'g');
    KINDS(wasm_table_as_ref(table), 't');
    KINDS(wasm_memory_as_ref(memory), 'm');
    KINDS(wasm_instance_as_ref(instance), 'i');
    KINDS(wasm_foreign_as_ref(foreign), 'o');
    KINDS(wasm_trap_as_ref(trap), '!');
    KINDS(wasm_module_as_ref(module), 'M');
    CHECK(wasm_extern_as_func(wasm_memory_as_extern(memory)) == NULL);
    CHECK(wasm_extern_as_memory(wasm_memory_as_extern(memory)) == memory);
    CHECK((const void *)wasm_ref_as_func_const(wasm_func_as_ref_const(hold)) == (const void *)hold);

    /* Everything of the store can be an externref. */
    same(through, NULL);
    same(through, wasm_func_as_ref(hold));
    same(through, wasm_global_as_ref(global));
    same(through, wasm_table_as_ref(table));
    same(through, wasm_memory_as_ref(memory));
    same(through, wasm_instance_as_ref(instance));
    same(through, wasm_foreign_as_ref(foreign));
    same(through, wasm_trap_as_ref(trap));
    same(through, wasm_module_as_ref(module));

    /* Null is null on both sides. */
    {
        wasm_val_t args[] = {WASM_REF_VAL(NULL), WASM_REF_VAL(NULL)};
        wasm_val_t results[] = {WASM_INIT_VAL};
        args[1].kind = WASM_FUNCREF;
        CHECK(call(is_null, 2, args, 1, results) == NULL);
        printf("null: %" PRId32 "\n", results[0].of.i32);
        args[0].of.ref = wasm_foreign_as_ref(foreign);
        args[1].of.ref = wasm_func_as_ref(hold);
        CHECK(call(is_null, 2, args, 1, results) == NULL);
        printf("null: %" PRId32 "\n", results[0].of.i32);
    }

    /* Where null is not allowed. */
    {
        wasm_val_t args[] = {WASM_REF_VAL(NULL)};
        args[0].kind = WASM_FUNCREF;
        tell(call(no_null, 1, args, 0, NULL));
        args[0].of.ref = wasm_func_as_ref(hold);
        CHECK(call(no_null, 1, args, 0, NULL) == NULL);
    }

    /* A function gives itself. */
    ref = get(self);
    CHECK(wasm_func_same(wasm_ref_as_func(ref), self));
    wasm_ref_delete(ref);

    /* Only the guest holds the object; it ends with the store. */
    wasm_foreign_set_host_info_with_finalizer(foreign, NULL, end);
    {
        wasm_val_t args[] = {WASM_REF_VAL(wasm_foreign_as_ref(foreign))};
        CHECK(call(hold, 1, args, 0, NULL) == NULL);
    }
    wasm_foreign_delete(foreign);
    ref = get(held);
    CHECK(wasm_ref_as_foreign(ref) != NULL);
    wasm_ref_delete(ref);
    CHECK(ended == 0);

    wasm_func_delete(hold);
    wasm_func_delete(held);
    wasm_func_delete(is_null);
    wasm_func_delete(self);
    wasm_func_delete(through);
    wasm_func_delete(no_null);
    wasm_memory_delete(memory);
    wasm_table_delete(table);
    wasm_global_delete(global);
    wasm_trap_delete(trap);
    wasm_module_delete(module);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    printf("ended %d\n", ended);
    return 0;
}

/* prints
null: 3
null: 0
trap: invalid input argument 0: expected (ref func), found a null funcref
ended 1
*/
