/* NULL everywhere: what is deleted does nothing, what is asked answers with nothing, calls give a trap. */
#include "common.h"

/* module null
(module
  (memory (export "memory") 1)
  (global (export "global") (mut i32) (i32.const 1))
  (table (export "table") 1 funcref)
  (func (export "func")))
*/

static wasm_trap_t *never(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)args;
    (void)results;
    printf("nobody calls this\n");
    return NULL;
}

static wasm_trap_t *never_with(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)env;
    return never(args, results);
}

/* What a finalizer would get never comes to be. */
static void finalizer(void *info)
{
    CHECK(info == NULL);
}

/* A vector without elements, that was something else before. */
#define EMPTY(name, call_it)                                                                                 \
    do {                                                                                                     \
        wasm_##name##_vec_t out;                                                                             \
        memset(&out, 0x5a, sizeof out);                                                                      \
        call_it;                                                                                             \
        CHECK(out.size == 0);                                                                                \
        wasm_##name##_vec_delete(&out);                                                                      \
        CHECK(out.size == 0);                                                                                \
    } while (0)

#define VEC(name)                                                                                            \
    wasm_##name##_vec_delete(NULL);                                                                          \
    wasm_##name##_vec_new_empty(NULL);                                                                       \
    wasm_##name##_vec_new_uninitialized(NULL, 3);                                                            \
    wasm_##name##_vec_new(NULL, 0, NULL);                                                                    \
    wasm_##name##_vec_copy(NULL, NULL);                                                                      \
    EMPTY(name, wasm_##name##_vec_new_empty(&out));                                                          \
    EMPTY(name, wasm_##name##_vec_new_uninitialized(&out, 0));                                               \
    EMPTY(name, wasm_##name##_vec_new(&out, 0, NULL));                                                       \
    EMPTY(name, wasm_##name##_vec_new(&out, 3, NULL));                                                       \
    EMPTY(name, wasm_##name##_vec_copy(&out, NULL))

#define TYPE(name)                                                                                           \
    wasm_##name##_delete(NULL);                                                                              \
    CHECK(wasm_##name##_copy(NULL) == NULL);                                                                 \
    VEC(name)

#define EXTERN_TYPE(name)                                                                                    \
    TYPE(name);                                                                                              \
    CHECK(wasm_##name##_as_externtype(NULL) == NULL);                                                        \
    CHECK(wasm_##name##_as_externtype_const(NULL) == NULL);                                                  \
    CHECK(wasm_externtype_as_##name(NULL) == NULL);                                                          \
    CHECK(wasm_externtype_as_##name##_const(NULL) == NULL)

#define REF_BASE(name)                                                                                       \
    wasm_##name##_delete(NULL);                                                                              \
    CHECK(wasm_##name##_copy(NULL) == NULL);                                                                 \
    CHECK(wasm_##name##_get_host_info(NULL) == NULL);                                                        \
    wasm_##name##_set_host_info(NULL, NULL);                                                                 \
    wasm_##name##_set_host_info_with_finalizer(NULL, NULL, NULL);                                            \
    wasm_##name##_set_host_info_with_finalizer(NULL, NULL, finalizer)

#define REF(name)                                                                                            \
    REF_BASE(name);                                                                                          \
    CHECK(wasm_##name##_as_ref(NULL) == NULL);                                                               \
    CHECK(wasm_ref_as_##name(NULL) == NULL);                                                                 \
    CHECK(wasm_##name##_as_ref_const(NULL) == NULL);                                                         \
    CHECK(wasm_ref_as_##name##_const(NULL) == NULL)

#define EXTERN(name)                                                                                         \
    REF(name);                                                                                               \
    CHECK(wasm_##name##_as_extern(NULL) == NULL);                                                            \
    CHECK(wasm_##name##_as_extern_const(NULL) == NULL);                                                      \
    CHECK(wasm_extern_as_##name(NULL) == NULL);                                                              \
    CHECK(wasm_extern_as_##name##_const(NULL) == NULL)

static void families(void)
{
    wasm_config_delete(NULL);
    wasm_engine_delete(NULL);
    wasm_store_delete(NULL);
    VEC(byte);
    TYPE(valtype);
    EXTERN_TYPE(functype);
    EXTERN_TYPE(globaltype);
    EXTERN_TYPE(tabletype);
    EXTERN_TYPE(memorytype);
    EXTERN_TYPE(tagtype);
    TYPE(externtype);
    TYPE(importtype);
    TYPE(exporttype);
    REF_BASE(ref);
    VEC(val);
    wasm_frame_delete(NULL);
    CHECK(wasm_frame_copy(NULL) == NULL);
    VEC(frame);
    REF(trap);
    REF(foreign);
    REF(module);
    wasm_shared_module_delete(NULL);
    EXTERN(func);
    EXTERN(global);
    EXTERN(table);
    EXTERN(memory);
    EXTERN(tag);
    REF(extern);
    VEC(extern);
    REF(instance);
}

static void types(void)
{
    wasm_valtype_vec_t params;
    CHECK(wasm_valtype_new(77) == NULL);
    CHECK(wasm_valtype_kind(NULL) == 0);
    CHECK(wasm_functype_params(NULL) == NULL);
    CHECK(wasm_functype_results(NULL) == NULL);
    CHECK(wasm_globaltype_new(NULL, WASM_VAR) == NULL);
    CHECK(wasm_globaltype_content(NULL) == NULL);
    CHECK(wasm_globaltype_mutability(NULL) == 0);
    {
        wasm_limits_t limits = {1, 2};
        CHECK(wasm_tabletype_new(NULL, &limits) == NULL);
        CHECK(wasm_tabletype_new(NULL, NULL) == NULL);
        /* What is owned is gone although there is no type. */
        CHECK(wasm_tabletype_new(wasm_valtype_new_funcref(), NULL) == NULL);
    }
    CHECK(wasm_tabletype_element(NULL) == NULL);
    CHECK(wasm_tabletype_limits(NULL) == NULL);
    CHECK(wasm_memorytype_new(NULL) == NULL);
    CHECK(wasm_memorytype_limits(NULL) == NULL);
    CHECK(wasm_tagtype_new(NULL) == NULL);
    CHECK(wasm_tagtype_functype(NULL) == NULL);
    CHECK(wasm_externtype_kind(NULL) == 0);
    CHECK(wasm_importtype_new(NULL, NULL, NULL) == NULL);
    CHECK(wasm_importtype_module(NULL) == NULL);
    CHECK(wasm_importtype_name(NULL) == NULL);
    CHECK(wasm_importtype_type(NULL) == NULL);
    CHECK(wasm_exporttype_new(NULL, NULL) == NULL);
    CHECK(wasm_exporttype_name(NULL) == NULL);
    CHECK(wasm_exporttype_type(NULL) == NULL);
    {
        wasm_name_t name;
        wasm_name_new_from_string(&name, "name");
        CHECK(wasm_exporttype_new(&name, NULL) == NULL);
        wasm_name_new_from_string(&name, "name");
        CHECK(wasm_importtype_new(&name, NULL, NULL) == NULL);
    }
    /* A NULL vector is an empty one. */
    {
        wasm_functype_t *type = wasm_functype_new(NULL, NULL);
        CHECK(type != NULL && wasm_functype_params(type)->size == 0 && wasm_functype_results(type)->size == 0);
        wasm_functype_delete(type);
        kinds_of(&params, "iI");
        type = wasm_functype_new(&params, NULL);
        CHECK(params.size == 0);
        CHECK(type != NULL && wasm_functype_params(type)->size == 2);
        wasm_functype_delete(type);
    }
    /* An element that is NULL. */
    wasm_valtype_vec_new_uninitialized(&params, 2);
    params.data[0] = wasm_valtype_new_i32();
    CHECK(wasm_functype_new(&params, NULL) == NULL);
}

static void without_a_store(void)
{
    wasm_functype_t *functype = wasm_functype_new_0_0();
    wasm_limits_t limits = {1, 1};
    wasm_memorytype_t *memorytype = wasm_memorytype_new(&limits);
    wasm_tabletype_t *tabletype = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
    wasm_globaltype_t *globaltype = wasm_globaltype_new(wasm_valtype_new_i32(), WASM_VAR);
    wasm_val_t value = WASM_I32_VAL(1);
    wasm_byte_vec_t bytes;
    bytes_of(&bytes, "null");
    CHECK(wasm_store_new(NULL) == NULL);
    CHECK(wasm_module_new(NULL, &bytes) == NULL);
    CHECK(!wasm_module_validate(NULL, &bytes));
    CHECK(wasm_module_obtain(NULL, NULL) == NULL);
    CHECK(wasm_foreign_new(NULL) == NULL);
    CHECK(wasm_func_new(NULL, functype, never) == NULL);
    CHECK(wasm_func_new_with_env(NULL, functype, never_with, NULL, NULL) == NULL);
    CHECK(wasm_global_new(NULL, globaltype, &value) == NULL);
    CHECK(wasm_table_new(NULL, tabletype, NULL) == NULL);
    CHECK(wasm_memory_new(NULL, memorytype) == NULL);
    CHECK(wasm_tag_new(NULL, NULL) == NULL);
    CHECK(wasm_instance_new(NULL, NULL, NULL, NULL) == NULL);
    wasm_byte_vec_delete(&bytes);
    wasm_functype_delete(functype);
    wasm_memorytype_delete(memorytype);
    wasm_tabletype_delete(tabletype);
    wasm_globaltype_delete(globaltype);
}

static void with_a_store(wasm_store_t *store)
{
    wasm_functype_t *functype = wasm_functype_new_0_0();
    wasm_globaltype_t *globaltype = wasm_globaltype_new(wasm_valtype_new_i32(), WASM_VAR);
    wasm_val_t value = WASM_I32_VAL(1);
    wasm_trap_t *trap = NULL;
    CHECK(wasm_module_new(store, NULL) == NULL);
    CHECK(!wasm_module_validate(store, NULL));
    CHECK(wasm_module_share(NULL) == NULL);
    CHECK(wasm_module_obtain(store, NULL) == NULL);
    CHECK(wasm_func_new(store, NULL, never) == NULL);
    CHECK(wasm_func_new(store, functype, NULL) == NULL);
    CHECK(wasm_func_new_with_env(store, functype, NULL, NULL, NULL) == NULL);
    CHECK(wasm_func_new_with_env(store, NULL, never_with, NULL, NULL) == NULL);
    CHECK(wasm_global_new(store, NULL, &value) == NULL);
    CHECK(wasm_global_new(store, globaltype, NULL) == NULL);
    CHECK(wasm_table_new(store, NULL, NULL) == NULL);
    CHECK(wasm_memory_new(store, NULL) == NULL);
    CHECK(wasm_tag_new(store, NULL) == NULL);
    CHECK(wasm_instance_new(store, NULL, NULL, NULL) == NULL);
    CHECK(wasm_instance_new(store, NULL, NULL, &trap) == NULL);
    tell(trap);
    /* A message that is NULL is an empty one. */
    trap = wasm_trap_new(store, NULL);
    tell(trap);
    wasm_functype_delete(functype);
    wasm_globaltype_delete(globaltype);
}

static void objects(wasm_store_t *store)
{
    wasm_instance_t *instance = instance_of(store, "null");
    wasm_memory_t *memory = memory_of(instance, 0);
    wasm_global_t *global = global_of(instance, 1);
    wasm_func_t *func = func_of(instance, 3);
    wasm_val_vec_t nothing = WASM_EMPTY_VEC;
    wasm_val_t value = WASM_I64_VAL(0x7777);

    CHECK(!wasm_memory_same(memory, NULL) && !wasm_memory_same(NULL, memory));
    CHECK(!wasm_ref_same(wasm_func_as_ref(func), NULL));
    EMPTY(importtype, wasm_module_imports(NULL, &out));
    EMPTY(exporttype, wasm_module_exports(NULL, &out));
    EMPTY(byte, wasm_module_serialize(NULL, &out));
    EMPTY(byte, wasm_trap_message(NULL, &out));
    EMPTY(frame, wasm_trap_trace(NULL, &out));
    EMPTY(extern, wasm_instance_exports(NULL, &out));
    wasm_instance_exports(instance, NULL);
    wasm_trap_message(NULL, NULL);
    wasm_module_imports(NULL, NULL);
    CHECK(wasm_trap_origin(NULL) == NULL);
    CHECK(wasm_frame_instance(NULL) == NULL);
    CHECK(wasm_frame_func_index(NULL) == 0 && wasm_frame_func_offset(NULL) == 0 && wasm_frame_module_offset(NULL) == 0);

    CHECK(wasm_func_type(NULL) == NULL);
    CHECK(wasm_func_param_arity(NULL) == 0 && wasm_func_result_arity(NULL) == 0);
    CHECK(wasm_global_type(NULL) == NULL);
    CHECK(wasm_table_type(NULL) == NULL);
    CHECK(wasm_memory_type(NULL) == NULL);
    CHECK(wasm_tag_type(NULL) == NULL);
    CHECK(wasm_extern_type(NULL) == NULL);
    CHECK(wasm_extern_kind(NULL) == 0);

    wasm_global_get(NULL, &value);
    CHECK(value.of.i64 == 0);
    wasm_global_get(global, NULL);
    wasm_global_set(global, NULL);
    wasm_global_set(NULL, &value);
    wasm_global_get(global, &value);
    CHECK(value.kind == WASM_I32 && value.of.i32 == 1);
    wasm_val_copy(NULL, &value);
    wasm_val_copy(&value, NULL);
    CHECK(value.of.i64 == 0);
    wasm_val_delete(NULL);

    CHECK(wasm_table_get(NULL, 0) == NULL && !wasm_table_set(NULL, 0, NULL));
    CHECK(wasm_table_size(NULL) == 0 && !wasm_table_grow(NULL, 0, NULL));
    CHECK(wasm_memory_data(NULL) == NULL && wasm_memory_data_size(NULL) == 0);
    CHECK(wasm_memory_size(NULL) == 0 && !wasm_memory_grow(NULL, 0));

    tell(wasm_func_call(NULL, NULL, NULL));
    tell(wasm_func_call(NULL, &nothing, &nothing));
    tell(wasm_func_call(func, NULL, NULL));
    tell(wasm_func_call(func, &nothing, NULL));

    wasm_memory_delete(memory);
    wasm_global_delete(global);
    wasm_func_delete(func);
    wasm_instance_delete(instance);
}

int main(void)
{
    wasm_engine_t *engine;
    wasm_store_t *store;
    families();
    types();
    without_a_store();
    engine = wasm_engine_new_with_config(NULL);
    wasm_engine_delete(engine);
    engine = wasm_engine_new_with_config(wasm_config_new());
    store = wasm_store_new(engine);
    with_a_store(store);
    objects(store);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
trap: expected a module, found NULL or another handle
trap: 
trap: expected a function, found NULL or another handle
trap: expected a function, found NULL or another handle
no trap
no trap
*/
