/* Imports that do not fit: no instance, and a trap that says which and why. */
#include "common.h"

/* module imports
(module
  (import "a" "func" (func (param i32) (result i32)))
  (import "a" "global" (global (mut i32)))
  (import "b" "memory" (memory 2 3))
  (import "b" "table" (table 2 4 funcref)))
*/

static wasm_trap_t *same(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    wasm_val_copy(&results->data[0], &args->data[0]);
    return NULL;
}

static wasm_store_t *store;

static wasm_extern_t *func(const char *params, const char *results)
{
    return wasm_func_as_extern(host_func(store, params, results, same));
}

static wasm_extern_t *global(wasm_valkind_t kind, wasm_mutability_t mutability)
{
    wasm_globaltype_t *type = wasm_globaltype_new(wasm_valtype_new(kind), mutability);
    wasm_val_t value = WASM_I32_VAL(0);
    wasm_global_t *it;
    value.kind = kind;
    value.of.i64 = 0;
    it = wasm_global_new(store, type, &value);
    wasm_globaltype_delete(type);
    return wasm_global_as_extern(it);
}

static wasm_extern_t *memory(uint32_t min, uint32_t max)
{
    wasm_limits_t limits;
    wasm_memorytype_t *type;
    wasm_memory_t *it;
    limits.min = min;
    limits.max = max;
    type = wasm_memorytype_new(&limits);
    it = wasm_memory_new(store, type);
    wasm_memorytype_delete(type);
    return wasm_memory_as_extern(it);
}

static wasm_extern_t *table(wasm_valkind_t kind, uint32_t min, uint32_t max)
{
    wasm_limits_t limits;
    wasm_tabletype_t *type;
    wasm_table_t *it;
    limits.min = min;
    limits.max = max;
    type = wasm_tabletype_new(wasm_valtype_new(kind), &limits);
    it = wasm_table_new(store, type, NULL);
    wasm_tabletype_delete(type);
    return wasm_table_as_extern(it);
}

/* Tries the good imports with another at one place; NULL stands for the good one. */
static void with(size_t place, wasm_extern_t *it)
{
    wasm_extern_t *all[4];
    wasm_instance_t *instance;
    size_t i;
    all[0] = func("i", "i");
    all[1] = global(WASM_I32, WASM_VAR);
    all[2] = memory(2, 3);
    all[3] = table(WASM_FUNCREF, 2, 4);
    if (it != NULL) {
        wasm_extern_delete(all[place]);
        all[place] = it;
    }
    instance = instance_with(store, "imports", all, 4);
    if (instance != NULL) {
        printf("an instance\n");
    }
    wasm_instance_delete(instance);
    for (i = 0; i < 4; i++) {
        wasm_extern_delete(all[i]);
    }
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_extern_t *all[5] = {NULL, NULL, NULL, NULL, NULL};
    wasm_extern_t *far;
    wasm_store_t *here = wasm_store_new(engine);
    wasm_store_t *there = wasm_store_new(engine);
    wasm_extern_vec_t vector;
    wasm_trap_t *trap = NULL;
    wasm_module_t *module;
    store = here;
    with(0, NULL);

    printf("func\n");
    with(0, func("", "i"));
    with(0, func("i", ""));
    with(0, func("I", "i"));
    with(0, memory(2, 3));

    printf("global\n");
    with(1, global(WASM_I32, WASM_CONST));
    with(1, global(WASM_I64, WASM_VAR));
    with(1, func("", ""));

    printf("memory\n");
    with(2, memory(1, 3));
    with(2, memory(2, 4));
    with(2, memory(2, wasm_limits_max_default));
    with(2, memory(3, 3));
    with(2, table(WASM_FUNCREF, 2, 3));

    printf("table\n");
    with(3, table(WASM_EXTERNREF, 2, 4));
    with(3, table(WASM_FUNCREF, 1, 4));
    with(3, table(WASM_FUNCREF, 2, 5));
    with(3, table(WASM_FUNCREF, 3, 4));
    with(3, global(WASM_I32, WASM_VAR));

    printf("too few, NULL, too many\n");
    CHECK(instance_with(store, "imports", NULL, 0) == NULL);
    all[0] = func("i", "i");
    CHECK(instance_with(store, "imports", all, 1) == NULL);
    CHECK(instance_with(store, "imports", all, 4) == NULL);
    all[1] = global(WASM_I32, WASM_VAR);
    all[2] = memory(2, 3);
    all[3] = table(WASM_FUNCREF, 2, 4);
    CHECK(instance_with(store, "imports", all, 5) == NULL);
    all[4] = all[0];
    CHECK(instance_with(store, "imports", all, 5) == NULL);
    module = module_of(store, "imports");
    CHECK(wasm_instance_new(store, module, NULL, NULL) == NULL);
    vector.size = 4;
    vector.data = NULL;
    CHECK(wasm_instance_new(store, module, &vector, &trap) == NULL);
    tell(trap);

    printf("another store's\n");
    store = there;
    far = func("i", "i");
    store = here;
    with(0, far);
    /* A module of another store of the engine's. */
    trap = NULL;
    vector.data = all;
    {
        wasm_module_t *other = module_of(there, "imports");
        wasm_instance_t *instance = wasm_instance_new(store, other, &vector, &trap);
        if (instance == NULL) {
            tell(trap);
        } else {
            printf("an instance\n");
        }
        wasm_instance_delete(instance);
        wasm_module_delete(other);
    }

    wasm_module_delete(module);
    wasm_extern_delete(all[0]);
    wasm_extern_delete(all[1]);
    wasm_extern_delete(all[2]);
    wasm_extern_delete(all[3]);
    wasm_store_delete(here);
    wasm_store_delete(there);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
an instance
func
trap: import 0 "a"."func" of module: incompatible import type: expected (func (param i32) (result i32)), found (func (result i32))
trap: import 0 "a"."func" of module: incompatible import type: expected (func (param i32) (result i32)), found (func (param i32))
trap: import 0 "a"."func" of module: incompatible import type: expected (func (param i32) (result i32)), found (func (param i64) (result i32))
trap: import 0 "a"."func" of module: incompatible import type: expected (func (param i32) (result i32)), found (memory 2 3)
global
trap: import 1 "a"."global" of module: incompatible import type: expected (global (mut i32)), found (global i32)
trap: import 1 "a"."global" of module: incompatible import type: expected (global (mut i32)), found (global (mut i64))
trap: import 1 "a"."global" of module: incompatible import type: expected (global (mut i32)), found (func)
memory
trap: import 2 "b"."memory" of module: incompatible import type: expected (memory 2 3), found (memory 1 3)
trap: import 2 "b"."memory" of module: incompatible import type: expected (memory 2 3), found (memory 2 4)
trap: import 2 "b"."memory" of module: incompatible import type: expected (memory 2 3), found (memory 2)
an instance
trap: import 2 "b"."memory" of module: incompatible import type: expected (memory 2 3), found (table 2 3 funcref)
table
trap: import 3 "b"."table" of module: incompatible import type: expected (table 2 4 funcref), found (table 2 4 externref)
trap: import 3 "b"."table" of module: incompatible import type: expected (table 2 4 funcref), found (table 1 4 funcref)
trap: import 3 "b"."table" of module: incompatible import type: expected (table 2 4 funcref), found (table 2 5 funcref)
an instance
trap: import 3 "b"."table" of module: incompatible import type: expected (table 2 4 funcref), found (global (mut i32))
too few, NULL, too many
trap: module: expected 4 imports, found 0
trap: module: expected 4 imports, found 1
trap: import 1: expected something to import, found NULL
trap: import 4: expected something to import, found NULL
trap: module: expected 4 imports, found 5
trap: module: expected 4 imports, found 0
another store's
trap: import 0: expected one of this store, found one of another
an instance
*/
