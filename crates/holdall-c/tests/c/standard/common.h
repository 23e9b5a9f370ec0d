/* What the programs of this folder share. */
#ifndef COMMON_H
#define COMMON_H

#include <wasm.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Prints what is not as it has to be. */
#define CHECK(it) ((it) ? (void)0 : not_so(__LINE__, #it))

static inline void not_so(int line, const char *what)
{
    printf("line %d: not so: %s\n", line, what);
    /* A program that fails later still says so. */
    fflush(stdout);
}

/* The bytes of NAME.wasm. */
static inline void bytes_of(wasm_byte_vec_t *out, const char *name)
{
    char path[64];
    char bytes[4096];
    FILE *file;
    snprintf(path, sizeof path, "%s.wasm", name);
    file = fopen(path, "rb");
    if (file == NULL) {
        printf("there is no %s\n", path);
        exit(1);
    }
    wasm_byte_vec_new(out, fread(bytes, 1, sizeof bytes, file), bytes);
    fclose(file);
}

static inline wasm_module_t *module_of(wasm_store_t *store, const char *name)
{
    wasm_byte_vec_t bytes;
    wasm_module_t *module;
    bytes_of(&bytes, name);
    module = wasm_module_new(store, &bytes);
    wasm_byte_vec_delete(&bytes);
    if (module == NULL) {
        printf("%s is no module\n", name);
        exit(1);
    }
    return module;
}

/* Prints a trap's message, or that there was no trap. */
static inline void tell(wasm_trap_t *trap)
{
    wasm_message_t message;
    if (trap == NULL) {
        printf("no trap\n");
        return;
    }
    wasm_trap_message(trap, &message);
    CHECK(message.size > 0 && message.data[message.size - 1] == 0);
    CHECK(strlen(message.data) + 1 == message.size);
    printf("trap: %s\n", message.data);
    wasm_name_delete(&message);
    wasm_trap_delete(trap);
}

/* An instance of NAME.wasm with these imports; NULL, and the reason printed, where there is none. */
static inline wasm_instance_t *instance_with(
    wasm_store_t *store, const char *name, wasm_extern_t *imports[], size_t count)
{
    wasm_module_t *module = module_of(store, name);
    wasm_extern_vec_t vector;
    wasm_trap_t *trap = NULL;
    wasm_instance_t *instance;
    vector.size = count;
    vector.data = imports;
    instance = wasm_instance_new(store, module, &vector, &trap);
    wasm_module_delete(module);
    CHECK((instance == NULL) == (trap != NULL));
    if (trap != NULL) {
        tell(trap);
    }
    return instance;
}

static inline wasm_instance_t *instance_of(wasm_store_t *store, const char *name)
{
    return instance_with(store, name, NULL, 0);
}

/* The exports of an instance, each owned by the caller. */
static inline wasm_extern_t *export_of(const wasm_instance_t *instance, size_t index)
{
    wasm_extern_vec_t exports;
    wasm_extern_t *it;
    wasm_instance_exports(instance, &exports);
    it = index < exports.size ? wasm_extern_copy(exports.data[index]) : NULL;
    wasm_extern_vec_delete(&exports);
    if (it == NULL) {
        printf("there is no export %u\n", (unsigned)index);
        exit(1);
    }
    return it;
}

#define COMMON_EXPORT(kind)                                                                                  \
    static inline wasm_##kind##_t *kind##_of(const wasm_instance_t *instance, size_t index)                  \
    {                                                                                                        \
        wasm_extern_t *it = export_of(instance, index);                                                      \
        wasm_##kind##_t *mine = wasm_##kind##_copy(wasm_extern_as_##kind(it));                               \
        wasm_extern_delete(it);                                                                              \
        return mine;                                                                                         \
    }
COMMON_EXPORT(func)
COMMON_EXPORT(global)
COMMON_EXPORT(table)
COMMON_EXPORT(memory)

/* Calls a function with arrays of arguments and of results. */
static inline wasm_trap_t *call(
    const wasm_func_t *func, size_t args_size, const wasm_val_t args[], size_t results_size, wasm_val_t results[])
{
    wasm_val_vec_t args_vec;
    wasm_val_vec_t results_vec;
    args_vec.size = args_size;
    args_vec.data = (wasm_val_t *)args;
    results_vec.size = results_size;
    results_vec.data = results;
    return wasm_func_call(func, &args_vec, &results_vec);
}

/* Calls a function of an i32 that gives an i32, and prints its trap where it traps. */
static inline int32_t call_1(const wasm_func_t *func, int32_t argument)
{
    wasm_val_t args[] = {WASM_I32_VAL(argument)};
    wasm_val_t results[] = {WASM_INIT_VAL};
    wasm_trap_t *trap = call(func, 1, args, 1, results);
    if (trap != NULL) {
        tell(trap);
        return -1;
    }
    CHECK(results[0].kind == WASM_I32);
    return results[0].of.i32;
}

/* Calls a function without parameters and results. */
static inline wasm_trap_t *call_0(const wasm_func_t *func)
{
    return call(func, 0, NULL, 0, NULL);
}

/* Functions of the host's from a callback and the kinds of its parameters and results: letters of "iIfFre"
 * (i32, i64, f32, f64, externref, funcref). */
static inline void kinds_of(wasm_valtype_vec_t *out, const char *letters)
{
    size_t i;
    wasm_valtype_vec_new_uninitialized(out, strlen(letters));
    for (i = 0; i < out->size; i++) {
        out->data[i] = wasm_valtype_new(letters[i] == 'i'   ? WASM_I32
                                        : letters[i] == 'I' ? WASM_I64
                                        : letters[i] == 'f' ? WASM_F32
                                        : letters[i] == 'F' ? WASM_F64
                                        : letters[i] == 'r' ? WASM_EXTERNREF
                                                            : WASM_FUNCREF);
    }
}

static inline wasm_functype_t *type_of(const char *params, const char *results)
{
    wasm_valtype_vec_t from;
    wasm_valtype_vec_t to;
    kinds_of(&from, params);
    kinds_of(&to, results);
    return wasm_functype_new(&from, &to);
}

static inline wasm_func_t *host_func(
    wasm_store_t *store, const char *params, const char *results, wasm_func_callback_t callback)
{
    wasm_functype_t *type = type_of(params, results);
    wasm_func_t *func = wasm_func_new(store, type, callback);
    wasm_functype_delete(type);
    return func;
}

static inline wasm_func_t *host_func_with(wasm_store_t *store, const char *params, const char *results,
    wasm_func_callback_with_env_t callback, void *env, void (*finalizer)(void *))
{
    wasm_functype_t *type = type_of(params, results);
    wasm_func_t *func = wasm_func_new_with_env(store, type, callback, env, finalizer);
    wasm_functype_delete(type);
    return func;
}

/* A trap with this message. */
static inline wasm_trap_t *trap_with(wasm_store_t *store, const char *text)
{
    wasm_message_t message;
    wasm_trap_t *trap;
    wasm_name_new_from_string_nt(&message, text);
    trap = wasm_trap_new(store, &message);
    wasm_name_delete(&message);
    return trap;
}

#endif
