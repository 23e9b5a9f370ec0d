/* Handles whose store is gone can be deleted, and answer as NULL does; stores know their own things. */
#include "common.h"

/* module stores
(module
  (memory (export "memory") 1)
  (global (export "global") (mut i32) (i32.const 1))
  (table (export "table") 1 funcref)
  (func (export "func"))
  (tag (export "tag")))
*/

/* module needs
(module
  (import "" "func" (func)))
*/

static void empty(wasm_extern_vec_t *vector)
{
    CHECK(vector->size == 0);
    wasm_extern_vec_delete(vector);
}

static void without_their_store(wasm_engine_t *engine)
{
    wasm_store_t *store = wasm_store_new(engine);
    wasm_instance_t *instance = instance_of(store, "stores");
    wasm_memory_t *memory = memory_of(instance, 0);
    wasm_global_t *global = global_of(instance, 1);
    wasm_table_t *table = table_of(instance, 2);
    wasm_func_t *func = func_of(instance, 3);
    wasm_foreign_t *foreign = wasm_foreign_new(store);
    wasm_trap_t *trap = trap_with(store, "outlives its store");
    wasm_module_t *module = module_of(store, "stores");
    wasm_func_t *copy;
    wasm_val_t value = WASM_I32_VAL(5);
    wasm_extern_vec_t exports;
    wasm_store_delete(store);

    CHECK(wasm_memory_data(memory) == NULL && wasm_memory_data_size(memory) == 0 && wasm_memory_size(memory) == 0);
    CHECK(!wasm_memory_grow(memory, 0) && wasm_memory_type(memory) == NULL);
    wasm_global_set(global, &value);
    wasm_global_get(global, &value);
    CHECK(value.of.i64 == 0 && wasm_global_type(global) == NULL);
    CHECK(wasm_table_size(table) == 0 && wasm_table_get(table, 0) == NULL && !wasm_table_set(table, 0, NULL));
    CHECK(!wasm_table_grow(table, 0, NULL) && wasm_table_type(table) == NULL);
    CHECK(wasm_func_type(func) == NULL && wasm_func_param_arity(func) == 0 && wasm_func_result_arity(func) == 0);
    tell(call_0(func));
    CHECK(wasm_extern_type(wasm_func_as_extern(func)) == NULL);
    wasm_instance_exports(instance, &exports);
    empty(&exports);
    /* Handles are handles, still. */
    copy = wasm_func_copy(func);
    wasm_func_delete(copy);
    wasm_func_get_host_info(func);
    wasm_func_set_host_info(func, &value);
    wasm_foreign_get_host_info(foreign);
    CHECK(wasm_extern_kind(wasm_memory_as_extern(memory)) == WASM_EXTERN_MEMORY);

    wasm_memory_delete(memory);
    wasm_global_delete(global);
    wasm_table_delete(table);
    wasm_func_delete(func);
    wasm_instance_delete(instance);
    wasm_foreign_delete(foreign);
    tell(trap);
    wasm_module_delete(module);
}

static wasm_trap_t *other_trap(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)args;
    (void)results;
    return trap_with((wasm_store_t *)env, "of another store");
}

static void of_another_store(wasm_engine_t *engine)
{
    wasm_store_t *here = wasm_store_new(engine);
    wasm_store_t *there = wasm_store_new(engine);
    wasm_instance_t *instance = instance_of(here, "stores");
    wasm_table_t *table = table_of(instance, 2);
    wasm_func_t *near_func = func_of(instance, 3);
    wasm_func_t *far = host_func_with(there, "", "", other_trap, there, NULL);
    wasm_limits_t limits = {1, 1};
    wasm_tabletype_t *type = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
    CHECK(!wasm_table_set(table, 0, wasm_func_as_ref(far)));
    CHECK(!wasm_table_grow(table, 1, wasm_func_as_ref(far)));
    CHECK(wasm_table_size(table) == 1 && wasm_table_get(table, 0) == NULL);
    CHECK(wasm_table_new(here, type, wasm_func_as_ref(far)) == NULL);
    CHECK(wasm_table_set(table, 0, wasm_func_as_ref(near_func)));
    CHECK(!wasm_func_same(far, near_func));
    {
        wasm_extern_t *imports[] = {wasm_func_as_extern(far)};
        CHECK(instance_with(here, "needs", imports, 1) == NULL);
    }
    tell(call_0(far));
    wasm_tabletype_delete(type);
    wasm_func_delete(far);
    /* A host function here that gives a trap of the other store. */
    far = host_func_with(here, "", "", other_trap, there, NULL);
    tell(call_0(far));
    wasm_func_delete(far);
    wasm_func_delete(near_func);
    wasm_table_delete(table);
    wasm_instance_delete(instance);
    wasm_store_delete(here);
    wasm_store_delete(there);
}

static void shared_modules(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_engine_t *other = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_store_t *second = wasm_store_new(engine);
    wasm_store_t *far = wasm_store_new(other);
    wasm_module_t *module = module_of(store, "stores");
    wasm_shared_module_t *shared = wasm_module_share(module);
    wasm_module_t *obtained;
    wasm_instance_t *instance;
    wasm_trap_t *trap = NULL;
    wasm_module_delete(module);
    wasm_store_delete(store);
    obtained = wasm_module_obtain(second, shared);
    instance = wasm_instance_new(second, obtained, NULL, NULL);
    CHECK(instance != NULL);
    wasm_instance_delete(instance);
    /* A module of another engine. */
    instance = wasm_instance_new(far, obtained, NULL, &trap);
    tell(trap);
    CHECK((instance == NULL) == (trap != NULL));
    wasm_instance_delete(instance);
    wasm_module_delete(obtained);
    obtained = wasm_module_obtain(far, shared);
    printf("obtained from another engine: %d\n", obtained != NULL);
    wasm_module_delete(obtained);
    wasm_shared_module_delete(shared);
    wasm_store_delete(second);
    wasm_store_delete(far);
    wasm_engine_delete(engine);
    wasm_engine_delete(other);
}

/* Types that no module could declare are types, but nothing is of them. */
static void of_no_type(wasm_engine_t *engine)
{
    wasm_store_t *store = wasm_store_new(engine);
    wasm_tagtype_t *type = wasm_tagtype_new(wasm_functype_new_0_1(wasm_valtype_new_i32()));
    CHECK(wasm_tag_new(store, type) == NULL);
    wasm_tagtype_delete(type);
    type = wasm_tagtype_new(wasm_functype_new_1_0(wasm_valtype_new_i32()));
    {
        wasm_tag_t *tag = wasm_tag_new(store, type);
        CHECK(wasm_extern_kind(wasm_tag_as_extern(tag)) == WASM_EXTERN_TAG);
        CHECK(wasm_extern_as_tag(wasm_tag_as_extern(tag)) == tag);
        wasm_tag_delete(tag);
    }
    wasm_tagtype_delete(type);
    wasm_store_delete(store);
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    of_no_type(engine);
    without_their_store(engine);
    of_another_store(engine);
    wasm_engine_delete(engine);
    shared_modules();
    return 0;
}

/* prints
trap: the store was deleted
trap: outlives its store
trap: import 0: expected one of this store, found one of another
trap: of another store
trap: of another store
trap: module and the store are of different engines; make both with the same one
obtained from another engine: 1
*/
