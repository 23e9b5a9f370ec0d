/* Descriptions of types: what is asked of each, and what another kind answers. */
#include "common.h"

/* module kinds
(module
  (tag (export "tag") (param i32))
  (func (export "v128") (param v128) (result v128) (local.get 0))
  (func (export "exnref") (param exnref))
  (global (export "global") (mut v128) (v128.const i64x2 1 2))
  (memory (export "memory") 0 65536)
  (memory (export "memory64") i64 1 0x100000000)
  (table (export "table64") i64 2 0x1ffffffff externref))
*/

static void values(void)
{
    static const wasm_valkind_t all[] = {
        WASM_I32, WASM_I64, WASM_F32, WASM_F64, WASM_V128, WASM_EXTERNREF, WASM_FUNCREF, WASM_EXNREF};
    size_t i;
    int known = 0;
    for (i = 0; i < sizeof all / sizeof *all; i++) {
        wasm_valtype_t *type = wasm_valtype_new(all[i]);
        wasm_valtype_t *copy = wasm_valtype_copy(type);
        CHECK(wasm_valtype_kind(copy) == all[i]);
        CHECK(wasm_valtype_is_num(type) != wasm_valtype_is_ref(type));
        CHECK(wasm_valtype_is_ref(copy) == (all[i] >= 128));
        wasm_valtype_delete(type);
        wasm_valtype_delete(copy);
    }
    for (i = 0; i < 256; i++) {
        wasm_valtype_t *type = wasm_valtype_new((wasm_valkind_t)i);
        known += type != NULL;
        wasm_valtype_delete(type);
    }
    printf("%d kinds\n", known);
}

static void externs(void)
{
    wasm_limits_t limits = {1, 2};
    wasm_functype_t *func = wasm_functype_new_3_2(wasm_valtype_new_i32(), wasm_valtype_new_i64(), wasm_valtype_new_f32(),
        wasm_valtype_new_f64(), wasm_valtype_new_anyref());
    wasm_globaltype_t *global = wasm_globaltype_new(wasm_valtype_new_i32(), WASM_VAR);
    wasm_tabletype_t *table = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
    wasm_memorytype_t *memory = wasm_memorytype_new(&limits);
    wasm_tagtype_t *tag = wasm_tagtype_new(wasm_functype_new_1_0(wasm_valtype_new_i32()));
    wasm_externtype_t *all[5];
    size_t i;
    all[0] = wasm_functype_as_externtype(func);
    all[1] = wasm_globaltype_as_externtype(global);
    all[2] = wasm_tabletype_as_externtype(table);
    all[3] = wasm_memorytype_as_externtype(memory);
    all[4] = wasm_tagtype_as_externtype(tag);
    for (i = 0; i < 5; i++) {
        wasm_externtype_t *copy;
        CHECK(wasm_externtype_kind(all[i]) == i);
        CHECK((wasm_externtype_as_functype(all[i]) != NULL) == (i == 0));
        CHECK((wasm_externtype_as_globaltype(all[i]) != NULL) == (i == 1));
        CHECK((wasm_externtype_as_tabletype(all[i]) != NULL) == (i == 2));
        CHECK((wasm_externtype_as_memorytype(all[i]) != NULL) == (i == 3));
        CHECK((wasm_externtype_as_tagtype(all[i]) != NULL) == (i == 4));
        CHECK((wasm_externtype_as_tagtype_const(all[i]) != NULL) == (i == 4));
        copy = wasm_externtype_copy(all[i]);
        CHECK(copy != all[i] && wasm_externtype_kind(copy) == i);
        wasm_externtype_delete(copy);
    }
    CHECK(wasm_externtype_as_functype(all[0]) == func);
    CHECK(wasm_functype_params(func)->size == 3 && wasm_functype_results(func)->size == 2);
    CHECK(wasm_valtype_kind(wasm_functype_results(func)->data[1]) == WASM_EXTERNREF);
    {
        wasm_functype_t *copy = wasm_functype_copy(func);
        wasm_functype_delete(func);
        CHECK(wasm_valtype_kind(wasm_functype_params(copy)->data[2]) == WASM_F32);
        wasm_functype_delete(copy);
    }
    CHECK(wasm_functype_params(wasm_tagtype_functype(tag))->size == 1);
    CHECK(wasm_tabletype_limits(table)->min == 1 && wasm_tabletype_limits(table)->max == 2);
    /* A table's elements are references. */
    CHECK(wasm_tabletype_new(wasm_valtype_new_i32(), &limits) == NULL);
    /* A mutability that is none. */
    CHECK(wasm_globaltype_new(wasm_valtype_new_i32(), 2) == NULL);
    wasm_globaltype_delete(global);
    wasm_tabletype_delete(table);
    /* A type is deleted by whichever name it goes by. */
    wasm_externtype_delete(all[3]);
    wasm_externtype_delete(all[4]);
}

static void names(void)
{
    wasm_name_t module;
    wasm_name_t name;
    wasm_importtype_t *import;
    wasm_importtype_t *import_copy;
    wasm_exporttype_t *export_type;
    wasm_exporttype_t *export_copy;
    wasm_name_new(&module, 3, "a\0b");
    wasm_name_new_from_string(&name, "");
    import = wasm_importtype_new(&module, &name, wasm_functype_as_externtype(wasm_functype_new_0_0()));
    CHECK(module.size == 0 && name.size == 0);
    import_copy = wasm_importtype_copy(import);
    wasm_importtype_delete(import);
    CHECK(wasm_importtype_module(import_copy)->size == 3 && memcmp(wasm_importtype_module(import_copy)->data, "a\0b", 3) == 0);
    CHECK(wasm_importtype_name(import_copy)->size == 0);
    CHECK(wasm_externtype_kind(wasm_importtype_type(import_copy)) == WASM_EXTERN_FUNC);
    wasm_importtype_delete(import_copy);
    wasm_name_new_from_string(&name, "name");
    export_type = wasm_exporttype_new(&name, wasm_globaltype_as_externtype(wasm_globaltype_new(wasm_valtype_new_f32(), WASM_CONST)));
    export_copy = wasm_exporttype_copy(export_type);
    wasm_exporttype_delete(export_type);
    CHECK(wasm_exporttype_name(export_copy)->size == 4);
    CHECK(wasm_externtype_kind(wasm_exporttype_type(export_copy)) == WASM_EXTERN_GLOBAL);
    wasm_exporttype_delete(export_copy);
}

static void of_a_module(wasm_store_t *store)
{
    wasm_module_t *module = module_of(store, "kinds");
    wasm_instance_t *instance = wasm_instance_new(store, module, NULL, NULL);
    wasm_exporttype_vec_t types;
    wasm_extern_vec_t exports;
    size_t i;
    wasm_module_exports(module, &types);
    wasm_instance_exports(instance, &exports);
    for (i = 0; i < types.size; i++) {
        const wasm_externtype_t *type = wasm_exporttype_type(types.data[i]);
        wasm_externtype_t *now = wasm_extern_type(exports.data[i]);
        const wasm_functype_t *func = wasm_externtype_as_functype_const(type);
        const wasm_globaltype_t *global = wasm_externtype_as_globaltype_const(now);
        const wasm_memorytype_t *memory = wasm_externtype_as_memorytype_const(now);
        const wasm_tabletype_t *table = wasm_externtype_as_tabletype_const(now);
        const wasm_tagtype_t *tag = wasm_externtype_as_tagtype_const(now);
        const wasm_limits_t *limits = memory != NULL ? wasm_memorytype_limits(memory) : wasm_tabletype_limits(table);
        CHECK(wasm_externtype_kind(type) == wasm_externtype_kind(now));
        CHECK(wasm_extern_kind(exports.data[i]) == wasm_externtype_kind(now));
        printf("%.*s:", (int)wasm_exporttype_name(types.data[i])->size, wasm_exporttype_name(types.data[i])->data);
        if (func != NULL) {
            printf(" %d", wasm_valtype_kind(wasm_functype_params(func)->data[0]));
        }
        if (global != NULL) {
            printf(" %d", wasm_valtype_kind(wasm_globaltype_content(global)));
        }
        if (limits != NULL) {
            printf(" %" PRIu32 " to %" PRIu32, limits->min, limits->max);
        }
        if (tag != NULL) {
            printf(" %d", wasm_valtype_kind(wasm_functype_params(wasm_tagtype_functype(tag))->data[0]));
        }
        printf("\n");
        wasm_externtype_delete(now);
    }
    /* Values that C has no words for. */
    {
        wasm_val_t value = WASM_I64_VAL(3);
        wasm_val_t results[] = {WASM_INIT_VAL};
        const wasm_global_t *global = wasm_extern_as_global(exports.data[3]);
        tell(call(wasm_extern_as_func(exports.data[1]), 1, &value, 1, results));
        tell(call(wasm_extern_as_func(exports.data[1]), 0, NULL, 1, results));
        tell(call(wasm_extern_as_func(exports.data[2]), 1, results, 0, NULL));
        wasm_global_get(global, &value);
        CHECK(value.of.i64 == 0);
        wasm_global_set(wasm_extern_as_global(exports.data[3]), &value);
    }
    wasm_extern_vec_delete(&exports);
    wasm_exporttype_vec_delete(&types);
    wasm_instance_delete(instance);
    wasm_module_delete(module);
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    values();
    externs();
    names();
    of_a_module(store);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
8 kinds
tag: 0
v128: 4
exnref: 130
global: 4
memory: 0 to 65536
memory64: 1 to 4294967295
table64: 2 to 4294967295
trap: argument 0: expected v128, found i64
trap: a call of (func (param v128) (result v128)): expected 1 arguments, found 0
trap: argument 0: exnref has no form in C
*/
