/* wasm.h: the standard C interface of WebAssembly engines (WebAssembly/wasm-c-api), as holdall implements it.
 *
 * Programs that were written for the standard's header compile and link unchanged. What the standard has no
 * words for (grants of WASI, limits, linking by names, text modules) is in holdall.h.
 *
 * Ownership
 *   What is marked `own` belongs to somebody. An `own` result, or what an `own` pointer named `out` is set to,
 *   belongs to the caller, who deletes it with the `_delete` function of its type. An `own` parameter passes
 *   to the function, whether it succeeds or not. All else is borrowed: a parameter for the call, a result for
 *   as long as what it was asked of exists. An owned vector owns its elements. A vector that was passed as
 *   `own` is empty afterwards.
 *
 * Handles
 *   Objects of the runtime (functions, memories, instances, ...) are handles. Deleting a handle says that its
 *   holder needs it no longer. `_copy` makes another handle to the same thing, `_same` compares what handles
 *   are to, and host information belongs to the thing, whichever handle it was set by. Things live as long as
 *   their store: finalizers of functions, globals, tables, memories and instances run when the store is
 *   deleted. Modules, traps and foreign objects live until nothing holds them.
 *
 * Deleting
 *   Everything may be deleted in any order. An engine lives on while a store or a module needs it. Deleting a
 *   store ends what is in it; handles that are left can only be deleted: other functions answer as they do
 *   for NULL, calls give a trap. A store that is deleted by a host function of its own ends when the
 *   outermost call does.
 *
 * NULL and other wrong use
 *   Every `_delete` takes NULL and does nothing. Where a pointer is NULL that should not be, a handle is to
 *   something of another kind, things are of different stores, or values are of the wrong type, a function
 *   that returns a pointer returns NULL, one that returns bool returns false, one that returns a number
 *   returns 0, one with an `out` sets it empty or zero, and wasm_func_call and wasm_instance_new give a trap
 *   that says what is wrong. A NULL vector counts as an empty one.
 *
 * Threads
 *   Engines, configurations that nobody changes, shared modules and types may be used from several threads.
 *   A store, with all that was made in it, is for one thread at a time. Guests take no stack of the thread's,
 *   but functions of C and guests that call one another in turns do, 100 deep at most: a thread for that wants
 *   2 MiB of stack.
 */
#ifndef WASM_H
#define WASM_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What stands before each function. */
#ifndef WASM_API_EXTERN
#define WASM_API_EXTERN
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef char byte_t;
typedef float float32_t;
typedef double float64_t;

/* Marks who owns what; for readers only. */
#define own

/* ------------------------------------------------------------------------------------------------------ *
 * The families of declarations: each type below names the families that it belongs to.
 * ------------------------------------------------------------------------------------------------------ */

/* A type that is only ever pointed to. */
#define WASM_DECLARE_OWN(name)                                                                               \
    typedef struct wasm_##name##_t wasm_##name##_t;                                                          \
    WASM_API_EXTERN void wasm_##name##_delete(own wasm_##name##_t *);

/* Vectors of a type, or (with a star) of pointers to a type. `_new` takes the elements over, `_copy` copies
 * each, `_new_uninitialized` makes room for elements: zeros, which are safe to delete. */
#define WASM_DECLARE_VEC(name, star)                                                                         \
    typedef struct wasm_##name##_vec_t {                                                                     \
        size_t size;                                                                                         \
        wasm_##name##_t star *data;                                                                          \
    } wasm_##name##_vec_t;                                                                                   \
    WASM_API_EXTERN void wasm_##name##_vec_new_empty(own wasm_##name##_vec_t *out);                          \
    WASM_API_EXTERN void wasm_##name##_vec_new_uninitialized(own wasm_##name##_vec_t *out, size_t size);     \
    WASM_API_EXTERN void wasm_##name##_vec_new(                                                              \
        own wasm_##name##_vec_t *out, size_t size, own wasm_##name##_t star const elements[]);               \
    WASM_API_EXTERN void wasm_##name##_vec_copy(own wasm_##name##_vec_t *out, const wasm_##name##_vec_t *);  \
    WASM_API_EXTERN void wasm_##name##_vec_delete(own wasm_##name##_vec_t *);

/* The description of a type of WebAssembly's. */
#define WASM_DECLARE_TYPE(name)                                                                              \
    WASM_DECLARE_OWN(name)                                                                                   \
    WASM_DECLARE_VEC(name, *)                                                                                \
    WASM_API_EXTERN own wasm_##name##_t *wasm_##name##_copy(const wasm_##name##_t *);

/* The description of something that can be imported and exported: one of the kinds of wasm_externtype_t.
 * The conversions give the same pointer back, or NULL where the kind is another. */
#define WASM_DECLARE_EXTERN_TYPE(name)                                                                       \
    WASM_API_EXTERN wasm_externtype_t *wasm_##name##_as_externtype(wasm_##name##_t *);                       \
    WASM_API_EXTERN wasm_##name##_t *wasm_externtype_as_##name(wasm_externtype_t *);                         \
    WASM_API_EXTERN const wasm_externtype_t *wasm_##name##_as_externtype_const(const wasm_##name##_t *);     \
    WASM_API_EXTERN const wasm_##name##_t *wasm_externtype_as_##name##_const(const wasm_externtype_t *);

/* A handle. A finalizer gets the host information when the thing ends, or when other information is set. */
#define WASM_DECLARE_REF_BASE(name)                                                                          \
    WASM_DECLARE_OWN(name)                                                                                   \
    WASM_API_EXTERN own wasm_##name##_t *wasm_##name##_copy(const wasm_##name##_t *);                        \
    WASM_API_EXTERN bool wasm_##name##_same(const wasm_##name##_t *, const wasm_##name##_t *);               \
    WASM_API_EXTERN void *wasm_##name##_get_host_info(const wasm_##name##_t *);                              \
    WASM_API_EXTERN void wasm_##name##_set_host_info(wasm_##name##_t *, void *info);                         \
    WASM_API_EXTERN void wasm_##name##_set_host_info_with_finalizer(                                         \
        wasm_##name##_t *, void *info, void (*finalizer)(void *));

/* A handle of one kind, which is a reference of any kind, too. The conversions give the same pointer back, or
 * NULL where the kind is another. */
#define WASM_DECLARE_REF(name)                                                                               \
    WASM_DECLARE_REF_BASE(name)                                                                              \
    WASM_API_EXTERN wasm_ref_t *wasm_##name##_as_ref(wasm_##name##_t *);                                     \
    WASM_API_EXTERN wasm_##name##_t *wasm_ref_as_##name(wasm_ref_t *);                                       \
    WASM_API_EXTERN const wasm_ref_t *wasm_##name##_as_ref_const(const wasm_##name##_t *);                   \
    WASM_API_EXTERN const wasm_##name##_t *wasm_ref_as_##name##_const(const wasm_ref_t *);

/* A handle that can go to another store, and another thread: share it, hand it over, and obtain it there. */
#define WASM_DECLARE_SHARABLE_REF(name)                                                                      \
    WASM_DECLARE_REF(name)                                                                                   \
    WASM_DECLARE_OWN(shared_##name)                                                                          \
    WASM_API_EXTERN own wasm_shared_##name##_t *wasm_##name##_share(const wasm_##name##_t *);                \
    WASM_API_EXTERN own wasm_##name##_t *wasm_##name##_obtain(wasm_store_t *, const wasm_shared_##name##_t *);

/* Something that can be imported and exported. */
#define WASM_DECLARE_EXTERN(name)                                                                            \
    WASM_API_EXTERN wasm_extern_t *wasm_##name##_as_extern(wasm_##name##_t *);                               \
    WASM_API_EXTERN wasm_##name##_t *wasm_extern_as_##name(wasm_extern_t *);                                 \
    WASM_API_EXTERN const wasm_extern_t *wasm_##name##_as_extern_const(const wasm_##name##_t *);             \
    WASM_API_EXTERN const wasm_##name##_t *wasm_extern_as_##name##_const(const wasm_extern_t *);

/* ------------------------------------------------------------------------------------------------------ *
 * Bytes and names
 * ------------------------------------------------------------------------------------------------------ */

typedef byte_t wasm_byte_t;
WASM_DECLARE_VEC(byte, )

/* A name: UTF-8, without a zero byte at its end unless something says so. */
typedef wasm_byte_vec_t wasm_name_t;
#define wasm_name wasm_byte_vec
#define wasm_name_new wasm_byte_vec_new
#define wasm_name_new_empty wasm_byte_vec_new_empty
#define wasm_name_new_uninitialized wasm_byte_vec_new_uninitialized
#define wasm_name_new_new_uninitialized wasm_byte_vec_new_uninitialized
#define wasm_name_copy wasm_byte_vec_copy
#define wasm_name_delete wasm_byte_vec_delete

/* The name that this string is, without its zero byte. */
static inline void wasm_name_new_from_string(own wasm_name_t *out, const char *string)
{
    wasm_name_new(out, strlen(string), string);
}

/* The same with the string's zero byte, as messages are. */
static inline void wasm_name_new_from_string_nt(own wasm_name_t *out, const char *string)
{
    wasm_name_new(out, strlen(string) + 1, string);
}

/* ------------------------------------------------------------------------------------------------------ *
 * Engines and stores
 * ------------------------------------------------------------------------------------------------------ */

/* How an engine is to be; holdall.h has what can be set. */
WASM_DECLARE_OWN(config)
WASM_API_EXTERN own wasm_config_t *wasm_config_new(void);

/* What stores and modules are made with. NULL where the configuration cannot be met. */
WASM_DECLARE_OWN(engine)
WASM_API_EXTERN own wasm_engine_t *wasm_engine_new(void);
WASM_API_EXTERN own wasm_engine_t *wasm_engine_new_with_config(own wasm_config_t *);

/* What instances and their parts live in. */
WASM_DECLARE_OWN(store)
WASM_API_EXTERN own wasm_store_t *wasm_store_new(wasm_engine_t *);

/* ------------------------------------------------------------------------------------------------------ *
 * Types
 * ------------------------------------------------------------------------------------------------------ */

typedef uint8_t wasm_mutability_t;
enum wasm_mutability_enum { WASM_CONST, WASM_VAR };

/* How many pages or elements. A limit that does not fit into 32 bits shows as the largest number. */
typedef struct wasm_limits_t {
    uint32_t min;
    uint32_t max;
} wasm_limits_t;

/* The max of what has none. */
static const uint32_t wasm_limits_max_default = 0xffffffff;

/* The kind of a value. Values of the kinds WASM_V128 and WASM_EXNREF, which the standard does not have, can
 * be told in types; they have no wasm_val_t, so that C can neither call nor be called with them. */
typedef uint8_t wasm_valkind_t;
enum wasm_valkind_enum {
    WASM_I32 = 0,
    WASM_I64 = 1,
    WASM_F32 = 2,
    WASM_F64 = 3,
    WASM_V128 = 4,
    WASM_EXTERNREF = 128,
    WASM_FUNCREF = 129,
    WASM_EXNREF = 130,
    /* The older name. */
    WASM_ANYREF = WASM_EXTERNREF
};

static inline bool wasm_valkind_is_num(wasm_valkind_t kind) { return kind < WASM_EXTERNREF; }
static inline bool wasm_valkind_is_ref(wasm_valkind_t kind) { return kind >= WASM_EXTERNREF; }

/* The type of a value. NULL for an unknown kind. */
WASM_DECLARE_TYPE(valtype)
WASM_API_EXTERN own wasm_valtype_t *wasm_valtype_new(wasm_valkind_t);
WASM_API_EXTERN wasm_valkind_t wasm_valtype_kind(const wasm_valtype_t *);

static inline bool wasm_valtype_is_num(const wasm_valtype_t *type)
{
    return wasm_valkind_is_num(wasm_valtype_kind(type));
}
static inline bool wasm_valtype_is_ref(const wasm_valtype_t *type)
{
    return wasm_valkind_is_ref(wasm_valtype_kind(type));
}

WASM_DECLARE_TYPE(functype)
WASM_API_EXTERN own wasm_functype_t *wasm_functype_new(
    own wasm_valtype_vec_t *params, own wasm_valtype_vec_t *results);
WASM_API_EXTERN const wasm_valtype_vec_t *wasm_functype_params(const wasm_functype_t *);
WASM_API_EXTERN const wasm_valtype_vec_t *wasm_functype_results(const wasm_functype_t *);

WASM_DECLARE_TYPE(globaltype)
WASM_API_EXTERN own wasm_globaltype_t *wasm_globaltype_new(own wasm_valtype_t *, wasm_mutability_t);
WASM_API_EXTERN const wasm_valtype_t *wasm_globaltype_content(const wasm_globaltype_t *);
WASM_API_EXTERN wasm_mutability_t wasm_globaltype_mutability(const wasm_globaltype_t *);

WASM_DECLARE_TYPE(tabletype)
WASM_API_EXTERN own wasm_tabletype_t *wasm_tabletype_new(own wasm_valtype_t *, const wasm_limits_t *);
WASM_API_EXTERN const wasm_valtype_t *wasm_tabletype_element(const wasm_tabletype_t *);
WASM_API_EXTERN const wasm_limits_t *wasm_tabletype_limits(const wasm_tabletype_t *);

WASM_DECLARE_TYPE(memorytype)
WASM_API_EXTERN own wasm_memorytype_t *wasm_memorytype_new(const wasm_limits_t *);
WASM_API_EXTERN const wasm_limits_t *wasm_memorytype_limits(const wasm_memorytype_t *);

/* The type of an exception's tag: what the exception carries. Of the newest header of the standard. */
WASM_DECLARE_TYPE(tagtype)
WASM_API_EXTERN own wasm_tagtype_t *wasm_tagtype_new(own wasm_functype_t *);
WASM_API_EXTERN const wasm_functype_t *wasm_tagtype_functype(const wasm_tagtype_t *);

typedef uint8_t wasm_externkind_t;
enum wasm_externkind_enum {
    WASM_EXTERN_FUNC,
    WASM_EXTERN_GLOBAL,
    WASM_EXTERN_TABLE,
    WASM_EXTERN_MEMORY,
    WASM_EXTERN_TAG
};

WASM_DECLARE_TYPE(externtype)
WASM_API_EXTERN wasm_externkind_t wasm_externtype_kind(const wasm_externtype_t *);
WASM_DECLARE_EXTERN_TYPE(functype)
WASM_DECLARE_EXTERN_TYPE(globaltype)
WASM_DECLARE_EXTERN_TYPE(tabletype)
WASM_DECLARE_EXTERN_TYPE(memorytype)
WASM_DECLARE_EXTERN_TYPE(tagtype)

WASM_DECLARE_TYPE(importtype)
WASM_API_EXTERN own wasm_importtype_t *wasm_importtype_new(
    own wasm_name_t *module, own wasm_name_t *name, own wasm_externtype_t *);
WASM_API_EXTERN const wasm_name_t *wasm_importtype_module(const wasm_importtype_t *);
WASM_API_EXTERN const wasm_name_t *wasm_importtype_name(const wasm_importtype_t *);
WASM_API_EXTERN const wasm_externtype_t *wasm_importtype_type(const wasm_importtype_t *);

WASM_DECLARE_TYPE(exporttype)
WASM_API_EXTERN own wasm_exporttype_t *wasm_exporttype_new(own wasm_name_t *, own wasm_externtype_t *);
WASM_API_EXTERN const wasm_name_t *wasm_exporttype_name(const wasm_exporttype_t *);
WASM_API_EXTERN const wasm_externtype_t *wasm_exporttype_type(const wasm_exporttype_t *);

/* ------------------------------------------------------------------------------------------------------ *
 * References and values
 * ------------------------------------------------------------------------------------------------------ */

/* A handle of any kind; NULL is the null reference. A function in a funcref is one of the guest's or the
 * host's; in an externref everything of the store can be. */
WASM_DECLARE_REF_BASE(ref)

typedef struct wasm_val_t {
    wasm_valkind_t kind;
    union {
        int32_t i32;
        int64_t i64;
        float32_t f32;
        float64_t f64;
        struct wasm_ref_t *ref;
    } of;
} wasm_val_t;

/* Deletes the reference that a value may own. */
WASM_API_EXTERN void wasm_val_delete(own wasm_val_t *);
WASM_API_EXTERN void wasm_val_copy(own wasm_val_t *out, const wasm_val_t *);
WASM_DECLARE_VEC(val, )

/* ------------------------------------------------------------------------------------------------------ *
 * Traps
 * ------------------------------------------------------------------------------------------------------ */

/* A text with a zero byte at its end, which counts in its size. */
typedef wasm_name_t wasm_message_t;

/* One call on the guest's stack. Its instance is borrowed from the frame, and NULL where it is not known.
 * Offsets are of bytes of the module, and 0 where they are not known; a function starts with its locals. */
WASM_DECLARE_OWN(frame)
WASM_DECLARE_VEC(frame, *)
WASM_API_EXTERN own wasm_frame_t *wasm_frame_copy(const wasm_frame_t *);
WASM_API_EXTERN struct wasm_instance_t *wasm_frame_instance(const wasm_frame_t *);
WASM_API_EXTERN uint32_t wasm_frame_func_index(const wasm_frame_t *);
WASM_API_EXTERN size_t wasm_frame_func_offset(const wasm_frame_t *);
WASM_API_EXTERN size_t wasm_frame_module_offset(const wasm_frame_t *);

/* Why a call ended early. A trap that a host function returns is what the outermost call gives. The origin is
 * the innermost frame, NULL where there is none; the trace has all frames, the innermost first. */
WASM_DECLARE_REF(trap)
WASM_API_EXTERN own wasm_trap_t *wasm_trap_new(wasm_store_t *, const wasm_message_t *);
WASM_API_EXTERN void wasm_trap_message(const wasm_trap_t *, own wasm_message_t *out);
WASM_API_EXTERN own wasm_frame_t *wasm_trap_origin(const wasm_trap_t *);
WASM_API_EXTERN void wasm_trap_trace(const wasm_trap_t *, own wasm_frame_vec_t *out);

/* ------------------------------------------------------------------------------------------------------ *
 * Foreign objects and modules
 * ------------------------------------------------------------------------------------------------------ */

/* An object of the host's, which guests can hold as an externref. What was given to a guest once lives until
 * the store is deleted. */
WASM_DECLARE_REF(foreign)
WASM_API_EXTERN own wasm_foreign_t *wasm_foreign_new(wasm_store_t *);

/* A module. `_new` takes the binary format; NULL where the bytes are no valid module, and
 * holdall_last_error() says why. Imports and exports come in the module's order.
 *
 * `_serialize` gives the module's bytes behind a mark. `_deserialize` wants that mark, and validates and
 * prepares the bytes again: machine code that somebody could have changed is never trusted. */
WASM_DECLARE_SHARABLE_REF(module)
WASM_API_EXTERN own wasm_module_t *wasm_module_new(wasm_store_t *, const wasm_byte_vec_t *binary);
WASM_API_EXTERN bool wasm_module_validate(wasm_store_t *, const wasm_byte_vec_t *binary);
WASM_API_EXTERN void wasm_module_imports(const wasm_module_t *, own wasm_importtype_vec_t *out);
WASM_API_EXTERN void wasm_module_exports(const wasm_module_t *, own wasm_exporttype_vec_t *out);
WASM_API_EXTERN void wasm_module_serialize(const wasm_module_t *, own wasm_byte_vec_t *out);
WASM_API_EXTERN own wasm_module_t *wasm_module_deserialize(wasm_store_t *, const wasm_byte_vec_t *);

/* ------------------------------------------------------------------------------------------------------ *
 * What modules import and export
 * ------------------------------------------------------------------------------------------------------ */

/* A function of the host's gets its arguments borrowed, and results that are zero or null, of the right
 * kinds, to be set. It returns NULL, or a trap that it owns. It may call back into its store. */
WASM_DECLARE_REF(func)
typedef own wasm_trap_t *(*wasm_func_callback_t)(const wasm_val_vec_t *args, own wasm_val_vec_t *results);
typedef own wasm_trap_t *(*wasm_func_callback_with_env_t)(
    void *env, const wasm_val_vec_t *args, own wasm_val_vec_t *results);

/* The finalizer gets the environment when the store is deleted; it may be NULL. */
WASM_API_EXTERN own wasm_func_t *wasm_func_new(wasm_store_t *, const wasm_functype_t *, wasm_func_callback_t);
WASM_API_EXTERN own wasm_func_t *wasm_func_new_with_env(wasm_store_t *, const wasm_functype_t *,
    wasm_func_callback_with_env_t, void *env, void (*finalizer)(void *));
WASM_API_EXTERN own wasm_functype_t *wasm_func_type(const wasm_func_t *);
WASM_API_EXTERN size_t wasm_func_param_arity(const wasm_func_t *);
WASM_API_EXTERN size_t wasm_func_result_arity(const wasm_func_t *);

/* Calls a function, with as many arguments as it has parameters. What the results were before does not matter;
 * those that there is no room for are dropped. NULL where the call returned. A trap leaves the results alone. */
WASM_API_EXTERN own wasm_trap_t *wasm_func_call(
    const wasm_func_t *, const wasm_val_vec_t *args, own wasm_val_vec_t *results);

/* Setting a global that is immutable, or to a value of another type, changes nothing. */
WASM_DECLARE_REF(global)
WASM_API_EXTERN own wasm_global_t *wasm_global_new(
    wasm_store_t *, const wasm_globaltype_t *, const wasm_val_t *);
WASM_API_EXTERN own wasm_globaltype_t *wasm_global_type(const wasm_global_t *);
WASM_API_EXTERN void wasm_global_get(const wasm_global_t *, own wasm_val_t *out);
WASM_API_EXTERN void wasm_global_set(wasm_global_t *, const wasm_val_t *);

/* Elements are references or NULL. `_get` gives NULL outside of the table, too; `_set` and `_grow` give false
 * where the table has no such element, or cannot have so many. */
WASM_DECLARE_REF(table)
typedef uint32_t wasm_table_size_t;
WASM_API_EXTERN own wasm_table_t *wasm_table_new(wasm_store_t *, const wasm_tabletype_t *, wasm_ref_t *init);
WASM_API_EXTERN own wasm_tabletype_t *wasm_table_type(const wasm_table_t *);
WASM_API_EXTERN own wasm_ref_t *wasm_table_get(const wasm_table_t *, wasm_table_size_t index);
WASM_API_EXTERN bool wasm_table_set(wasm_table_t *, wasm_table_size_t index, wasm_ref_t *);
WASM_API_EXTERN wasm_table_size_t wasm_table_size(const wasm_table_t *);
WASM_API_EXTERN bool wasm_table_grow(wasm_table_t *, wasm_table_size_t delta, wasm_ref_t *init);

/* The bytes may move when the memory grows, also while a guest runs: ask for them again after each call.
 * `_grow` gives false where the memory cannot have so many pages more. */
WASM_DECLARE_REF(memory)
typedef uint32_t wasm_memory_pages_t;
static const size_t MEMORY_PAGE_SIZE = 0x10000;
WASM_API_EXTERN own wasm_memory_t *wasm_memory_new(wasm_store_t *, const wasm_memorytype_t *);
WASM_API_EXTERN own wasm_memorytype_t *wasm_memory_type(const wasm_memory_t *);
WASM_API_EXTERN byte_t *wasm_memory_data(wasm_memory_t *);
WASM_API_EXTERN size_t wasm_memory_data_size(const wasm_memory_t *);
WASM_API_EXTERN wasm_memory_pages_t wasm_memory_size(const wasm_memory_t *);
WASM_API_EXTERN bool wasm_memory_grow(wasm_memory_t *, wasm_memory_pages_t delta);

/* An exception's tag. Not of the standard; other engines have it, with these names. */
WASM_DECLARE_REF(tag)
WASM_API_EXTERN own wasm_tag_t *wasm_tag_new(wasm_store_t *, const wasm_tagtype_t *);
WASM_API_EXTERN own wasm_tagtype_t *wasm_tag_type(const wasm_tag_t *);

/* Any of them. */
WASM_DECLARE_REF(extern)
WASM_DECLARE_VEC(extern, *)
WASM_API_EXTERN wasm_externkind_t wasm_extern_kind(const wasm_extern_t *);
WASM_API_EXTERN own wasm_externtype_t *wasm_extern_type(const wasm_extern_t *);
WASM_DECLARE_EXTERN(func)
WASM_DECLARE_EXTERN(global)
WASM_DECLARE_EXTERN(table)
WASM_DECLARE_EXTERN(memory)
WASM_DECLARE_EXTERN(tag)

/* An instance: the imports come in the order of the module's imports. NULL where one does not fit or the
 * start function traps; the trap says why, where `trap` is not NULL. Exports come in the module's order. */
WASM_DECLARE_REF(instance)
WASM_API_EXTERN own wasm_instance_t *wasm_instance_new(wasm_store_t *, const wasm_module_t *,
    const wasm_extern_vec_t *imports, own wasm_trap_t **trap);
WASM_API_EXTERN void wasm_instance_exports(const wasm_instance_t *, own wasm_extern_vec_t *out);

/* ------------------------------------------------------------------------------------------------------ *
 * Shorthands
 * ------------------------------------------------------------------------------------------------------ */

/* Initialisers of vectors that own nothing. */
#define WASM_EMPTY_VEC {0, NULL}
#define WASM_ARRAY_VEC(array) {sizeof(array) / sizeof(*(array)), array}

/* Initialisers of values. */
#ifdef __cplusplus
} /* extern "C" */
#define WASM_VAL_OF(field, type, valkind)                                                                    \
    inline wasm_val_t wasm_val_of_##field(type it)                                                           \
    {                                                                                                        \
        wasm_val_t value = {valkind, {0}};                                                                   \
        value.of.field = it;                                                                                 \
        return value;                                                                                        \
    }
WASM_VAL_OF(i32, int32_t, WASM_I32)
WASM_VAL_OF(i64, int64_t, WASM_I64)
WASM_VAL_OF(f32, float32_t, WASM_F32)
WASM_VAL_OF(f64, float64_t, WASM_F64)
WASM_VAL_OF(ref, wasm_ref_t *, WASM_EXTERNREF)
#undef WASM_VAL_OF
#define WASM_I32_VAL(it) wasm_val_of_i32(it)
#define WASM_I64_VAL(it) wasm_val_of_i64(it)
#define WASM_F32_VAL(it) wasm_val_of_f32(it)
#define WASM_F64_VAL(it) wasm_val_of_f64(it)
#define WASM_REF_VAL(it) wasm_val_of_ref(it)
#define WASM_INIT_VAL wasm_val_of_ref(NULL)
extern "C" {
#else
#define WASM_I32_VAL(it) {.kind = WASM_I32, .of = {.i32 = (it)}}
#define WASM_I64_VAL(it) {.kind = WASM_I64, .of = {.i64 = (it)}}
#define WASM_F32_VAL(it) {.kind = WASM_F32, .of = {.f32 = (it)}}
#define WASM_F64_VAL(it) {.kind = WASM_F64, .of = {.f64 = (it)}}
#define WASM_REF_VAL(it) {.kind = WASM_EXTERNREF, .of = {.ref = (it)}}
#define WASM_INIT_VAL {.kind = WASM_EXTERNREF, .of = {.ref = NULL}}
#endif

/* A pointer as a value, and back. */
static inline void wasm_val_init_ptr(own wasm_val_t *out, void *pointer)
{
#if UINTPTR_MAX == UINT32_MAX
    out->kind = WASM_I32;
    out->of.i32 = (int32_t)(intptr_t)pointer;
#else
    out->kind = WASM_I64;
    out->of.i64 = (int64_t)(intptr_t)pointer;
#endif
}

static inline void *wasm_val_ptr(const wasm_val_t *value)
{
#if UINTPTR_MAX == UINT32_MAX
    return (void *)(intptr_t)value->of.i32;
#else
    return (void *)(intptr_t)value->of.i64;
#endif
}

/* Types of values. */
static inline own wasm_valtype_t *wasm_valtype_new_i32(void) { return wasm_valtype_new(WASM_I32); }
static inline own wasm_valtype_t *wasm_valtype_new_i64(void) { return wasm_valtype_new(WASM_I64); }
static inline own wasm_valtype_t *wasm_valtype_new_f32(void) { return wasm_valtype_new(WASM_F32); }
static inline own wasm_valtype_t *wasm_valtype_new_f64(void) { return wasm_valtype_new(WASM_F64); }
static inline own wasm_valtype_t *wasm_valtype_new_externref(void) { return wasm_valtype_new(WASM_EXTERNREF); }
static inline own wasm_valtype_t *wasm_valtype_new_anyref(void) { return wasm_valtype_new(WASM_EXTERNREF); }
static inline own wasm_valtype_t *wasm_valtype_new_funcref(void) { return wasm_valtype_new(WASM_FUNCREF); }

/* The type of a function, wasm_functype_new_P_R, of up to three parameters and up to two results: takes over a
 * row of the types of the parameters, then of the results. One NULL stands behind the row. */
static inline own wasm_functype_t *wasm_functype_of_row(size_t params, size_t results, own wasm_valtype_t *row[])
{
    wasm_valtype_vec_t both[2];
    wasm_valtype_vec_new(&both[0], params, row);
    wasm_valtype_vec_new(&both[1], results, row + params);
    return wasm_functype_new(&both[0], &both[1]);
}

#define WASM_FUNCTYPE_NEW(params, results, list, ...)                                                        \
    static inline own wasm_functype_t *wasm_functype_new_##params##_##results list                           \
    {                                                                                                        \
        wasm_valtype_t *row[] = {__VA_ARGS__, NULL};                                                         \
        return wasm_functype_of_row(params, results, row);                                                   \
    }
#define WASM_OWN_TYPE own wasm_valtype_t *
WASM_FUNCTYPE_NEW(0, 0, (void), NULL)
WASM_FUNCTYPE_NEW(1, 0, (WASM_OWN_TYPE a), a)
WASM_FUNCTYPE_NEW(2, 0, (WASM_OWN_TYPE a, WASM_OWN_TYPE b), a, b)
WASM_FUNCTYPE_NEW(3, 0, (WASM_OWN_TYPE a, WASM_OWN_TYPE b, WASM_OWN_TYPE c), a, b, c)
WASM_FUNCTYPE_NEW(0, 1, (WASM_OWN_TYPE r), r)
WASM_FUNCTYPE_NEW(1, 1, (WASM_OWN_TYPE a, WASM_OWN_TYPE r), a, r)
WASM_FUNCTYPE_NEW(2, 1, (WASM_OWN_TYPE a, WASM_OWN_TYPE b, WASM_OWN_TYPE r), a, b, r)
WASM_FUNCTYPE_NEW(3, 1, (WASM_OWN_TYPE a, WASM_OWN_TYPE b, WASM_OWN_TYPE c, WASM_OWN_TYPE r), a, b, c, r)
WASM_FUNCTYPE_NEW(0, 2, (WASM_OWN_TYPE r, WASM_OWN_TYPE s), r, s)
WASM_FUNCTYPE_NEW(1, 2, (WASM_OWN_TYPE a, WASM_OWN_TYPE r, WASM_OWN_TYPE s), a, r, s)
WASM_FUNCTYPE_NEW(2, 2, (WASM_OWN_TYPE a, WASM_OWN_TYPE b, WASM_OWN_TYPE r, WASM_OWN_TYPE s), a, b, r, s)
WASM_FUNCTYPE_NEW(3, 2, (WASM_OWN_TYPE a, WASM_OWN_TYPE b, WASM_OWN_TYPE c, WASM_OWN_TYPE r, WASM_OWN_TYPE s),
    a, b, c, r, s)
#undef WASM_OWN_TYPE
#undef WASM_FUNCTYPE_NEW

#undef own

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* WASM_H */
