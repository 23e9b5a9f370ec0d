/* What a module imports and exports, told without an instance, and what an instance's exports are now. */
#include "common.h"

/* module reflect
(module
  (import "some module" "a func" (func (param externref funcref) (result f32 f64)))
  (import "some module" "a global" (global (mut i32)))
  (import "" "" (memory 1 2))
  (import "other" "a table" (table 5 externref))
  (func (export "func") (param i32 i64 f32 f64) (result externref) (ref.null extern))
  (global (export "global") f64 (f64.const 1))
  (table (export "table") 3 9 funcref)
  (memory (export "memory") 2)
  (export "again" (func 0)))
*/

/* module parts
(module
  (func (export "func") (param externref funcref) (result f32 f64) (f32.const 0) (f64.const 0))
  (global (export "global") (mut i32) (i32.const 0))
  (memory (export "memory") 1 2)
  (table (export "table") 5 externref))
*/

static void print_name(const wasm_name_t *name)
{
    printf("\"%.*s\"", (int)name->size, name->data);
}

static const char *kind_name(const wasm_valtype_t *type)
{
    switch (wasm_valtype_kind(type)) {
    case WASM_I32: return "i32";
    case WASM_I64: return "i64";
    case WASM_F32: return "f32";
    case WASM_F64: return "f64";
    case WASM_EXTERNREF: return "externref";
    case WASM_FUNCREF: return "funcref";
    default: return "?";
    }
}

static void print_kinds(const char *what, const wasm_valtype_vec_t *types)
{
    size_t i;
    printf(" (%s", what);
    for (i = 0; i < types->size; i++) {
        printf(" %s", kind_name(types->data[i]));
    }
    printf(")");
}

static void print_limits(const wasm_limits_t *limits)
{
    printf(" %" PRIu32, limits->min);
    if (limits->max != wasm_limits_max_default) {
        printf(" %" PRIu32, limits->max);
    }
}

static void print_type(const wasm_externtype_t *type)
{
    switch (wasm_externtype_kind(type)) {
    case WASM_EXTERN_FUNC: {
        const wasm_functype_t *func = wasm_externtype_as_functype_const(type);
        printf(" func");
        print_kinds("param", wasm_functype_params(func));
        print_kinds("result", wasm_functype_results(func));
        break;
    }
    case WASM_EXTERN_GLOBAL: {
        const wasm_globaltype_t *global = wasm_externtype_as_globaltype_const(type);
        printf(" global%s", wasm_globaltype_mutability(global) == WASM_VAR ? " mut" : "");
        printf(" %s", kind_name(wasm_globaltype_content(global)));
        break;
    }
    case WASM_EXTERN_TABLE: {
        const wasm_tabletype_t *table = wasm_externtype_as_tabletype_const(type);
        printf(" table");
        print_limits(wasm_tabletype_limits(table));
        printf(" %s", kind_name(wasm_tabletype_element(table)));
        break;
    }
    case WASM_EXTERN_MEMORY:
        printf(" memory");
        print_limits(wasm_memorytype_limits(wasm_externtype_as_memorytype_const(type)));
        break;
    default: printf(" ?");
    }
    printf("\n");
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_module_t *module = module_of(store, "reflect");
    wasm_instance_t *parts = instance_of(store, "parts");
    wasm_instance_t *instance;
    wasm_extern_vec_t imports;
    wasm_extern_vec_t exports;
    wasm_importtype_vec_t import_types;
    wasm_exporttype_vec_t export_types;
    wasm_table_t *table;
    wasm_memory_t *memory;
    size_t i;

    wasm_module_imports(module, &import_types);
    for (i = 0; i < import_types.size; i++) {
        printf("import ");
        print_name(wasm_importtype_module(import_types.data[i]));
        printf(" ");
        print_name(wasm_importtype_name(import_types.data[i]));
        print_type(wasm_importtype_type(import_types.data[i]));
    }
    wasm_module_exports(module, &export_types);
    for (i = 0; i < export_types.size; i++) {
        printf("export ");
        print_name(wasm_exporttype_name(export_types.data[i]));
        print_type(wasm_exporttype_type(export_types.data[i]));
    }

    wasm_instance_exports(parts, &imports);
    instance = wasm_instance_new(store, module, &imports, NULL);
    CHECK(instance != NULL);
    wasm_instance_exports(instance, &exports);
    CHECK(exports.size == export_types.size);
    table = wasm_extern_as_table(exports.data[2]);
    memory = wasm_extern_as_memory(exports.data[3]);
    CHECK(wasm_table_grow(table, 4, NULL));
    CHECK(wasm_memory_grow(memory, 1));
    for (i = 0; i < exports.size; i++) {
        wasm_externtype_t *type = wasm_extern_type(exports.data[i]);
        CHECK(wasm_extern_kind(exports.data[i]) == wasm_externtype_kind(type));
        CHECK(wasm_externtype_kind(type) == wasm_externtype_kind(wasm_exporttype_type(export_types.data[i])));
        printf("now");
        print_type(type);
        wasm_externtype_delete(type);
    }
    {
        const wasm_func_t *func = wasm_extern_as_func(exports.data[0]);
        printf("%u to %u\n", (unsigned)wasm_func_param_arity(func), (unsigned)wasm_func_result_arity(func));
        /* What came in goes out again as the same thing. */
        CHECK(wasm_extern_same(exports.data[4], imports.data[0]));
        CHECK(!wasm_extern_same(exports.data[4], exports.data[0]));
    }

    wasm_extern_vec_delete(&exports);
    wasm_extern_vec_delete(&imports);
    wasm_importtype_vec_delete(&import_types);
    wasm_exporttype_vec_delete(&export_types);
    wasm_instance_delete(instance);
    wasm_instance_delete(parts);
    wasm_module_delete(module);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
import "some module" "a func" func (param externref funcref) (result f32 f64)
import "some module" "a global" global mut i32
import "" "" memory 1 2
import "other" "a table" table 5 externref
export "func" func (param i32 i64 f32 f64) (result externref)
export "global" global f64
export "table" table 3 9 funcref
export "memory" memory 2
export "again" func (param externref funcref) (result f32 f64)
now func (param i32 i64 f32 f64) (result externref)
now global f64
now table 7 9 funcref
now memory 3
now func (param externref funcref) (result f32 f64)
4 to 1
*/
