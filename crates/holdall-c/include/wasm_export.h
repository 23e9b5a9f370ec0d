/*
 * wasm_export.h: load, link and run WebAssembly modules from C, as programs for the multi-module
 * interface of the WebAssembly Micro Runtime (WAMR) do. This header and the library behind it are
 * holdall's.
 *
 * Copyright of holdall's authors. SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * MACROS to define before this header, where they are wanted:
 *
 *   HOLDALL_READER_BY_KIND   the type `module_reader` takes the kind of the package first, as newer
 *                            programs expect. Whether or not it is defined,
 *                            wasm_runtime_set_module_reader takes functions of either type, where the
 *                            compiler is GCC, Clang or C++.
 *
 * WHAT A HANDLE IS. wasm_module_t, wasm_module_inst_t, wasm_exec_env_t, wasm_function_inst_t and
 * wasm_memory_inst_t are numbers, not addresses. One of something that is gone, NULL, and one of
 * another kind are noticed: the function does nothing, and answers with false, 0 or NULL.
 *
 * THREADS. There is one runtime in a process. All functions may be called from any thread; loading,
 * registering and looking up modules wait for one another. An instance, with all that it needs and all
 * that belongs to it, is for one thread at a time, whichever that is: a call from a second thread
 * meanwhile is refused. No thread destroys what another one is using. Two instances can run in two
 * threads at the same time.
 *
 * ERRORS. Where there is an error_buf, its text ends with a zero byte within error_buf_size bytes. NULL
 * and 0 are allowed. Where nothing failed, the buffer is not touched.
 *
 * NATIVE FUNCTIONS return to their callers: no longjmp and no C++ exception may leave one. Up to 100 of an
 * instance run within one another, by way of guests that they call; one more traps with "call stack
 * exhausted".
 *
 * WHAT IS DIFFERENT FROM WAMR. Functions that are not here are not in the library: a program that needs
 * them does not link. Of those that are here:
 *
 *   everything               proposals of WebAssembly up to 3.0 (but for garbage collection) are on
 *   wasm_runtime_full_init   the pool has linear memories, tables, stacks, code that is ready to run, and
 *                            what wasm_runtime_malloc gives; what the runtime itself keeps beside that is
 *                            the system's. An allocator is asked for what wasm_runtime_malloc gives alone
 *   wasm_runtime_load        keeps a copy of the bytes. A function that is imported and nowhere to be
 *                            found is an error here, not when it is called
 *   ..._register_module      refuses a name that another module has
 *   ..._unload               works; instances keep their module alive. Modules that the module reader
 *                            delivered stay until wasm_runtime_destroy
 *   module_reader            asked once for each name. The destroyer gets each buffer once: in
 *                            wasm_runtime_destroy, the newest first, or at once where loading fails. It
 *                            may not load, register or instantiate modules itself
 *   ..._instantiate          one instance of each module in a graph, shared by all that import it. The
 *                            stack has at least 64 KiB, whatever is asked for, and execution environments
 *                            share it
 *   ..._lookup_function      takes two arguments or three. `$module$function` names a function of another
 *                            module of the graph. A third argument like "(iI)f" has to fit; NULL fits, and
 *                            so does a text of another form
 *   ..._set_module_reader    see HOLDALL_READER_BY_KIND
 *   ..._call_wasm...         begins without the exception of an earlier call. From a native function that
 *                            has set one, it is refused
 *   ..._call_wasm, _a, _v    no references as arguments and results; wasm_application_execute_func has them
 *   ..._get_exception        the same for all instances of a graph
 *   ..._module_malloc        from `malloc` (or `__new`) of the guest; else from a heap of the size that
 *                            wasm_runtime_instantiate was told, for which the memory grows when it is
 *                            first used
 *   ..._register_natives     letters i I f F * ~ $; the result one of i I f F, or nothing. With NULL as
 *                            signature, the module says the types. At most 128 words of arguments on the
 *                            stack
 *   ..._set_wasi_args        for all modules of the graph. Other modules get standard streams, clocks and
 *                            randomness
 *   ..._set_log_level        what the runtime has to say goes to standard error
 *   ..._set_max_thread_num   does nothing: guests start no threads
 *   ..._get_version          holdall's
 */

#ifndef HOLDALL_WASM_EXPORT_H
#define HOLDALL_WASM_EXPORT_H

#ifdef WASM_H
#error "wasm.h and wasm_export.h have types of the same names: include them in different files"
#endif

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib_export.h"

/* What WAMR was built with, which programs ask before they set a module reader, and in one: holdall links
 * several modules, and they are in the binary format. */
#ifndef WASM_ENABLE_MULTI_MODULE
#define WASM_ENABLE_MULTI_MODULE 1
#endif
#ifndef WASM_ENABLE_INTERP
#define WASM_ENABLE_INTERP 1
#endif
#ifndef WASM_ENABLE_AOT
#define WASM_ENABLE_AOT 0
#endif

#ifndef WASM_RUNTIME_API_EXTERN
#define WASM_RUNTIME_API_EXTERN
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- handles ---- */

/* A module that was loaded. */
typedef struct WASMModuleCommon *wasm_module_t;
/* An instance of a module. */
typedef struct WASMModuleInstanceCommon *wasm_module_inst_t;
/* A function of an instance. */
typedef struct WASMFunctionInstanceCommon *wasm_function_inst_t;
/* A memory of an instance. */
typedef struct WASMMemoryInstance *wasm_memory_inst_t;
/* What functions are called through. */
typedef struct WASMExecEnv *wasm_exec_env_t;

/* ---- the runtime ---- */

typedef enum {
    Wasm_Module_Bytecode = 0,
    Wasm_Module_AoT = 1,
    Package_Type_Unknown = 0xFFFF
} package_type_t;

typedef enum {
    Alloc_With_Pool = 0,
    Alloc_With_Allocator = 1,
    Alloc_With_System_Allocator = 2
} mem_alloc_type_t;

typedef union MemAllocOption {
    /* A buffer that is the runtime's from wasm_runtime_full_init to wasm_runtime_destroy. */
    struct {
        void *heap_buf;
        uint32_t heap_size;
    } pool;
    /* void *malloc(unsigned), void *realloc(void *, unsigned) or NULL, void free(void *) */
    struct {
        void *malloc_func;
        void *realloc_func;
        void *free_func;
    } allocator;
} MemAllocOption;

typedef enum RunningMode {
    Mode_Interp = 1,
    Mode_Fast_JIT = 2,
    Mode_LLVM_JIT = 3,
    Mode_Multi_Tier_JIT = 4
} RunningMode;

/* Set all of it to 0 before it is filled. */
typedef struct RuntimeInitArgs {
    mem_alloc_type_t mem_alloc_type;
    MemAllocOption mem_alloc_option;

    /* Functions to register at once, where there are any. */
    const char *native_module_name;
    NativeSymbol *native_symbols;
    uint32_t n_native_symbols;

    /* What follows is not looked at. */
    uint32_t max_thread_num;
    char ip_addr[128];
    int platform_port;
    int instance_port;
    uint32_t fast_jit_code_cache_size;
    uint32_t gc_heap_size;
    RunningMode running_mode;
    uint32_t llvm_jit_opt_level;
    uint32_t llvm_jit_size_level;
    uint32_t segue_flags;
    bool enable_linux_perf;
} RuntimeInitArgs;

typedef struct mem_alloc_info_t {
    uint32_t total_size;
    uint32_t total_free_size;
    /* The bytes in use now. */
    uint32_t highmark_size;
} mem_alloc_info_t;

typedef enum {
    WASM_LOG_LEVEL_FATAL = 0,
    WASM_LOG_LEVEL_ERROR = 1,
    WASM_LOG_LEVEL_WARNING = 2,
    WASM_LOG_LEVEL_DEBUG = 3,
    WASM_LOG_LEVEL_VERBOSE = 4
} log_level_t;

/* Initialises the runtime, with memory from the system. Where that was done before, it is counted: the
 * runtime is destroyed when wasm_runtime_destroy was called as often. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_init(void);
/* As wasm_runtime_init, with these arguments. False where they are wrong. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_full_init(RuntimeInitArgs *init_args);
/* Frees all that there is: instances, modules, what the module reader gave. Handles end. Does nothing
 * from a native function. */
WASM_RUNTIME_API_EXTERN void wasm_runtime_destroy(void);

/* Errors and warnings are written at first. */
WASM_RUNTIME_API_EXTERN void wasm_runtime_set_log_level(log_level_t level);
WASM_RUNTIME_API_EXTERN void wasm_runtime_set_max_thread_num(uint32_t num);
WASM_RUNTIME_API_EXTERN void wasm_runtime_get_version(uint32_t *major, uint32_t *minor, uint32_t *patch);

/* A thread may say that it uses the runtime, and ask whether it has. Nothing depends on it. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_init_thread_env(void);
WASM_RUNTIME_API_EXTERN void wasm_runtime_destroy_thread_env(void);
WASM_RUNTIME_API_EXTERN bool wasm_runtime_thread_env_inited(void);

/* Memory from where the runtime was told to take it; before and after there is a runtime, from the
 * system. Aligned to 16 bytes where it is not the program's own allocator's. NULL where there is no
 * room. What is no such memory, or was freed, is not freed (again). Blocks of the pool end with the
 * runtime. */
WASM_RUNTIME_API_EXTERN void *wasm_runtime_malloc(unsigned int size);
WASM_RUNTIME_API_EXTERN void *wasm_runtime_realloc(void *ptr, unsigned int size);
WASM_RUNTIME_API_EXTERN void wasm_runtime_free(void *ptr);
/* False where there is no pool. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_get_mem_alloc_info(mem_alloc_info_t *mem_alloc_info);

/* ---- modules ---- */

/* Finds the bytes of a module by its name: true, with the buffer and its size set, or false where there
 * is no such module. The buffer stays as it is until the destroyer gets it. */
#ifdef HOLDALL_READER_BY_KIND
typedef bool (*module_reader)(package_type_t module_type, const char *module_name, uint8_t **p_buffer,
                              uint32_t *p_size);
#else
typedef bool (*module_reader)(const char *module_name, uint8_t **p_buffer, uint32_t *p_size);
#endif
/* Takes a buffer of the reader's back. */
typedef void (*module_destroyer)(uint8_t *buffer, uint32_t size);

/* The two types of readers, whichever of them `module_reader` is. */
typedef bool (*holdall_reader_t)(const char *, uint8_t **, uint32_t *);
typedef bool (*holdall_reader_by_kind_t)(package_type_t, const char *, uint8_t **, uint32_t *);

/* Sets who finds the modules that others import, in place of who did before. NULL for nobody. */
WASM_RUNTIME_API_EXTERN void wasm_runtime_set_module_reader(holdall_reader_t reader,
                                                            module_destroyer destroyer);
/* The same for a reader that is told the kind of the package, which is Wasm_Module_Bytecode. */
WASM_RUNTIME_API_EXTERN void holdall_set_module_reader_by_kind(holdall_reader_by_kind_t reader,
                                                               module_destroyer destroyer);

/* Gives a module its name, so that others can import from it and it is found. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_register_module(const char *module_name, wasm_module_t module,
                                                          char *error_buf, uint32_t error_buf_size);
/* NULL where no module has the name. */
WASM_RUNTIME_API_EXTERN wasm_module_t wasm_runtime_find_module_registered(const char *module_name);

typedef struct LoadArgs {
    char *name;
    bool clone_wasm_binary;
    bool wasm_binary_freeable;
    /* What the module needs is loaded by wasm_runtime_resolve_symbols, or when it is instantiated. The
     * other members are not looked at. */
    bool no_resolve;
} LoadArgs;

/* Loads a module and all that it needs. NULL, and a text, where that fails. */
WASM_RUNTIME_API_EXTERN wasm_module_t wasm_runtime_load(uint8_t *buf, uint32_t size, char *error_buf,
                                                        uint32_t error_buf_size);
WASM_RUNTIME_API_EXTERN wasm_module_t wasm_runtime_load_ex(uint8_t *buf, uint32_t size,
                                                           const LoadArgs *args, char *error_buf,
                                                           uint32_t error_buf_size);
WASM_RUNTIME_API_EXTERN bool wasm_runtime_resolve_symbols(wasm_module_t module);
WASM_RUNTIME_API_EXTERN void wasm_runtime_unload(wasm_module_t module);
/* Always true of a module that there is. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_is_underlying_binary_freeable(wasm_module_t module);

/* A name for the program's own use; nothing is registered. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_set_module_name(wasm_module_t module, const char *name,
                                                          char *error_buf, uint32_t error_buf_size);
/* "" where none was set. The text is good until another is set, or the module is unloaded. */
WASM_RUNTIME_API_EXTERN const char *wasm_runtime_get_module_name(wasm_module_t module);

WASM_RUNTIME_API_EXTERN package_type_t get_package_type(const uint8_t *buf, uint32_t size);
WASM_RUNTIME_API_EXTERN package_type_t wasm_runtime_get_file_package_type(const uint8_t *buf,
                                                                          uint32_t size);
WASM_RUNTIME_API_EXTERN package_type_t wasm_runtime_get_module_package_type(wasm_module_t module);

/* ---- WASI ---- */

/* What a module gets when it is instantiated: directories of the host under the same names, and under
 * others ("GUEST::HOST"), variables ("NAME=VALUE"), and arguments. Directories can be written to. */
WASM_RUNTIME_API_EXTERN void
wasm_runtime_set_wasi_args(wasm_module_t module, const char *dir_list[], uint32_t dir_count,
                           const char *map_dir_list[], uint32_t map_dir_count, const char *env[],
                           uint32_t env_count, char *argv[], int argc);
/* With descriptors for the standard streams; -1 is the process's own. They stay open until the module is
 * instantiated, which makes copies. */
WASM_RUNTIME_API_EXTERN void
wasm_runtime_set_wasi_args_ex(wasm_module_t module, const char *dir_list[], uint32_t dir_count,
                              const char *map_dir_list[], uint32_t map_dir_count, const char *env[],
                              uint32_t env_count, char *argv[], int argc, int64_t stdinfd,
                              int64_t stdoutfd, int64_t stderrfd);
/* Whether the module imports WASI. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_is_wasi_mode(wasm_module_inst_t module_inst);
/* NULL where there is no `_start`. */
WASM_RUNTIME_API_EXTERN wasm_function_inst_t
wasm_runtime_lookup_wasi_start_function(wasm_module_inst_t module_inst);
/* What the guest ended itself with. A call that ends so is a success. */
WASM_RUNTIME_API_EXTERN uint32_t wasm_runtime_get_wasi_exit_code(wasm_module_inst_t module_inst);

/* ---- instances ---- */

typedef struct InstantiationArgs {
    uint32_t default_stack_size;
    uint32_t host_managed_heap_size;
    /* The most pages of 64 KiB for each memory; 0 for as many as the module declares. */
    uint32_t max_memory_pages;
} InstantiationArgs;

/* Brings a module and all that it needs to life. NULL, and a text, where that fails. */
WASM_RUNTIME_API_EXTERN wasm_module_inst_t
wasm_runtime_instantiate(wasm_module_t module, uint32_t default_stack_size,
                         uint32_t host_managed_heap_size, char *error_buf, uint32_t error_buf_size);
WASM_RUNTIME_API_EXTERN wasm_module_inst_t
wasm_runtime_instantiate_ex(wasm_module_t module, const InstantiationArgs *args, char *error_buf,
                            uint32_t error_buf_size);
/* Frees it, all that it needed, and their execution environments, functions and memories. From a native
 * function of its own, when the call from outside returns; the handles end at once. */
WASM_RUNTIME_API_EXTERN void wasm_runtime_deinstantiate(wasm_module_inst_t module_inst);
/* NULL where it was unloaded. */
WASM_RUNTIME_API_EXTERN wasm_module_t wasm_runtime_get_module(wasm_module_inst_t module_inst);

WASM_RUNTIME_API_EXTERN void wasm_runtime_set_custom_data(wasm_module_inst_t module_inst,
                                                          void *custom_data);
WASM_RUNTIME_API_EXTERN void *wasm_runtime_get_custom_data(wasm_module_inst_t module_inst);

/* Data for each instance by key. The destructor gets what an instance has when the instance goes, unless
 * that is NULL. */
WASM_RUNTIME_API_EXTERN void *
wasm_runtime_create_context_key(void (*destructor)(wasm_module_inst_t inst, void *context));
WASM_RUNTIME_API_EXTERN void wasm_runtime_destroy_context_key(void *key);
WASM_RUNTIME_API_EXTERN void wasm_runtime_set_context(wasm_module_inst_t inst, void *key, void *context);
WASM_RUNTIME_API_EXTERN void wasm_runtime_set_context_spread(wasm_module_inst_t inst, void *key,
                                                             void *context);
WASM_RUNTIME_API_EXTERN void *wasm_runtime_get_context(wasm_module_inst_t inst, void *key);

/* "Exception: ..." of the last call that did not end as it should; NULL where it did. The text is good
 * until the next call. Traps have the texts of the WebAssembly specification. */
WASM_RUNTIME_API_EXTERN const char *wasm_runtime_get_exception(wasm_module_inst_t module_inst);
/* From a native function: ends the guest, when the function returns. NULL clears it. */
WASM_RUNTIME_API_EXTERN void wasm_runtime_set_exception(wasm_module_inst_t module_inst,
                                                        const char *exception);
WASM_RUNTIME_API_EXTERN void wasm_runtime_clear_exception(wasm_module_inst_t module_inst);

/* ---- calls ---- */

/* An environment for an instance's functions, through which native functions know who calls. NULL for a
 * stack of 0. */
WASM_RUNTIME_API_EXTERN wasm_exec_env_t wasm_runtime_create_exec_env(wasm_module_inst_t module_inst,
                                                                     uint32_t stack_size);
WASM_RUNTIME_API_EXTERN void wasm_runtime_destroy_exec_env(wasm_exec_env_t exec_env);
/* The one that an instance has for itself, which is not destroyed. */
WASM_RUNTIME_API_EXTERN wasm_exec_env_t
wasm_runtime_get_exec_env_singleton(wasm_module_inst_t module_inst);
WASM_RUNTIME_API_EXTERN wasm_module_inst_t wasm_runtime_get_module_inst(wasm_exec_env_t exec_env);
/* To an instance of the same graph. */
WASM_RUNTIME_API_EXTERN void wasm_runtime_set_module_inst(wasm_exec_env_t exec_env,
                                                          wasm_module_inst_t module_inst);
WASM_RUNTIME_API_EXTERN void wasm_runtime_set_user_data(wasm_exec_env_t exec_env, void *user_data);
WASM_RUNTIME_API_EXTERN void *wasm_runtime_get_user_data(wasm_exec_env_t exec_env);

/* The exported function of a name, or of `$module$function`; NULL where there is none. */
WASM_RUNTIME_API_EXTERN wasm_function_inst_t
wasm_runtime_lookup_function(wasm_module_inst_t module_inst, const char *name);
/* What wasm_runtime_lookup_function with three arguments is: NULL also where the function is none of
 * that signature. */
WASM_RUNTIME_API_EXTERN wasm_function_inst_t holdall_lookup_function_of(wasm_module_inst_t module_inst,
                                                                        const char *name,
                                                                        const char *signature);

#ifndef HOLDALL_WASM_VALKINDS
#define HOLDALL_WASM_VALKINDS
typedef uint8_t wasm_valkind_t;
enum wasm_valkind_enum {
    WASM_I32 = 0,
    WASM_I64 = 1,
    WASM_F32 = 2,
    WASM_F64 = 3,
    WASM_V128 = 4,
    WASM_EXTERNREF = 128,
    WASM_FUNCREF = 129
};
#endif

/* A number with its kind. */
typedef struct wasm_val_t {
    wasm_valkind_t kind;
    uint8_t _paddings[7];
    union {
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
        uintptr_t foreign;
    } of;
} wasm_val_t;

WASM_RUNTIME_API_EXTERN uint32_t wasm_func_get_param_count(wasm_function_inst_t func_inst,
                                                           wasm_module_inst_t module_inst);
WASM_RUNTIME_API_EXTERN uint32_t wasm_func_get_result_count(wasm_function_inst_t func_inst,
                                                            wasm_module_inst_t module_inst);
/* Into an array of as many kinds as there are parameters, or results. */
WASM_RUNTIME_API_EXTERN void wasm_func_get_param_types(wasm_function_inst_t func_inst,
                                                       wasm_module_inst_t module_inst,
                                                       wasm_valkind_t *param_types);
WASM_RUNTIME_API_EXTERN void wasm_func_get_result_types(wasm_function_inst_t func_inst,
                                                        wasm_module_inst_t module_inst,
                                                        wasm_valkind_t *result_types);

/* Calls a function. argv has the arguments in words of 32 bits, of which an i64 or f64 takes two and a
 * v128 four, and argc says how many there are. The results replace them: argv has room for those, too.
 * False, with the exception set, where the guest does not return. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_call_wasm(wasm_exec_env_t exec_env,
                                                    wasm_function_inst_t function, uint32_t argc,
                                                    uint32_t argv[]);
/* Calls a function with as many values as it takes, of its kinds, and as many results as it gives. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_call_wasm_a(wasm_exec_env_t exec_env,
                                                      wasm_function_inst_t function,
                                                      uint32_t num_results, wasm_val_t results[],
                                                      uint32_t num_args, wasm_val_t *args);
/* Calls the function at an index of the instance's first table, as wasm_runtime_call_wasm does. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_call_indirect(wasm_exec_env_t exec_env, uint32_t element_index,
                                                        uint32_t argc, uint32_t argv[]);

/* As wasm_runtime_call_wasm_a, with the arguments as C's own: int32_t, int64_t, double for either kind
 * of float. At most 64 of them. */
static inline bool
wasm_runtime_call_wasm_v(wasm_exec_env_t exec_env, wasm_function_inst_t function, uint32_t num_results,
                         wasm_val_t results[], uint32_t num_args, ...)
{
    enum { HOLDALL_MOST_ARGS = 64 };
    wasm_valkind_t kinds[HOLDALL_MOST_ARGS];
    wasm_val_t values[HOLDALL_MOST_ARGS];
    uint32_t i;
    va_list list;
    if (num_args > HOLDALL_MOST_ARGS
        || num_args != wasm_func_get_param_count(function, wasm_runtime_get_module_inst(exec_env))) {
        /* Which says what is wrong. */
        return wasm_runtime_call_wasm_a(exec_env, function, num_results, results, num_args, NULL);
    }
    wasm_func_get_param_types(function, wasm_runtime_get_module_inst(exec_env), kinds);
    va_start(list, num_args);
    for (i = 0; i < num_args; i++) {
        values[i].kind = kinds[i];
        values[i].of.i64 = 0;
        switch (kinds[i]) {
            case WASM_I32: values[i].of.i32 = va_arg(list, int32_t); break;
            case WASM_I64: values[i].of.i64 = va_arg(list, int64_t); break;
            case WASM_F32: values[i].of.f32 = (float)va_arg(list, double); break;
            case WASM_F64: values[i].of.f64 = va_arg(list, double); break;
            default: break;
        }
    }
    va_end(list);
    return wasm_runtime_call_wasm_a(exec_env, function, num_results, results, num_args, values);
}

/* Runs a program: `_start`, or else `main`, `__main_argc_argv` or `_main`, which may take argc and argv.
 * What main returns is written over the first pointer of argv, as an int. False, with the exception set,
 * where the guest does not return. */
WASM_RUNTIME_API_EXTERN bool wasm_application_execute_main(wasm_module_inst_t module_inst, int32_t argc,
                                                           char *argv[]);
/* Calls the function of a name, or of `$module$function`, with arguments in text, and prints its results
 * as `0x2a:i32` or `1.5:f64`, commas between them, and a line feed. Where that fails it prints the
 * exception, and is false. */
WASM_RUNTIME_API_EXTERN bool wasm_application_execute_func(wasm_module_inst_t module_inst,
                                                           const char *name, int32_t argc, char *argv[]);

/* The calls that led to the last trap, a line each: printed, or as a text with a zero byte at its end. */
WASM_RUNTIME_API_EXTERN void wasm_runtime_dump_call_stack(wasm_exec_env_t exec_env);
WASM_RUNTIME_API_EXTERN uint32_t wasm_runtime_get_call_stack_buf_size(wasm_exec_env_t exec_env);
WASM_RUNTIME_API_EXTERN uint32_t wasm_runtime_dump_call_stack_to_buf(wasm_exec_env_t exec_env, char *buf,
                                                                     uint32_t len);

/* ---- guests' memory ---- */

/* Addresses are in the memory that the instance exports as `memory`, else in its first one. A native
 * address is good until the memory grows, which any call of the guest may do. */

/* A block in the guest's memory: its address there, and here. 0 and NULL where there is no room. */
WASM_RUNTIME_API_EXTERN uint64_t wasm_runtime_module_malloc(wasm_module_inst_t module_inst, uint64_t size,
                                                            void **p_native_addr);
WASM_RUNTIME_API_EXTERN void wasm_runtime_module_free(wasm_module_inst_t module_inst, uint64_t ptr);
/* A block that holds a copy of these bytes. */
WASM_RUNTIME_API_EXTERN uint64_t wasm_runtime_module_dup_data(wasm_module_inst_t module_inst,
                                                              const char *src, uint64_t size);
/* Whether bytes, or a text with its zero byte, are in the memory. The exception is set where not. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_validate_app_addr(wasm_module_inst_t module_inst,
                                                            uint64_t app_offset, uint64_t size);
WASM_RUNTIME_API_EXTERN bool wasm_runtime_validate_app_str_addr(wasm_module_inst_t module_inst,
                                                                uint64_t app_str_offset);
WASM_RUNTIME_API_EXTERN bool wasm_runtime_validate_native_addr(wasm_module_inst_t module_inst,
                                                               void *native_ptr, uint64_t size);
/* NULL, or 0, for what is not in the memory. */
WASM_RUNTIME_API_EXTERN void *wasm_runtime_addr_app_to_native(wasm_module_inst_t module_inst,
                                                              uint64_t app_offset);
WASM_RUNTIME_API_EXTERN uint64_t wasm_runtime_addr_native_to_app(wasm_module_inst_t module_inst,
                                                                 void *native_ptr);
/* Where the memory begins and ends in which an address is. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_get_app_addr_range(wasm_module_inst_t module_inst,
                                                             uint64_t app_offset,
                                                             uint64_t *p_app_start_offset,
                                                             uint64_t *p_app_end_offset);
WASM_RUNTIME_API_EXTERN bool wasm_runtime_get_native_addr_range(wasm_module_inst_t module_inst,
                                                                uint8_t *native_ptr,
                                                                uint8_t **p_native_start_addr,
                                                                uint8_t **p_native_end_addr);
WASM_RUNTIME_API_EXTERN bool wasm_runtime_enlarge_memory(wasm_module_inst_t module_inst,
                                                         uint64_t inc_page_count);

WASM_RUNTIME_API_EXTERN wasm_memory_inst_t wasm_runtime_get_default_memory(wasm_module_inst_t module_inst);
WASM_RUNTIME_API_EXTERN wasm_memory_inst_t wasm_runtime_get_memory(wasm_module_inst_t module_inst,
                                                                   uint32_t index);
WASM_RUNTIME_API_EXTERN wasm_memory_inst_t wasm_runtime_lookup_memory(wasm_module_inst_t module_inst,
                                                                      const char *name);
WASM_RUNTIME_API_EXTERN uint64_t wasm_memory_get_cur_page_count(wasm_memory_inst_t memory_inst);
WASM_RUNTIME_API_EXTERN uint64_t wasm_memory_get_max_page_count(wasm_memory_inst_t memory_inst);
WASM_RUNTIME_API_EXTERN uint64_t wasm_memory_get_bytes_per_page(wasm_memory_inst_t memory_inst);
WASM_RUNTIME_API_EXTERN bool wasm_memory_get_shared(wasm_memory_inst_t memory_inst);
/* NULL where the memory has no bytes. */
WASM_RUNTIME_API_EXTERN void *wasm_memory_get_base_address(wasm_memory_inst_t memory_inst);
WASM_RUNTIME_API_EXTERN bool wasm_memory_enlarge(wasm_memory_inst_t memory_inst, uint64_t inc_page_count);

/* ---- tables ---- */

typedef struct wasm_table_inst_t {
    wasm_valkind_t elem_kind;
    /* When it was looked at. */
    uint32_t cur_size;
    uint32_t max_size;
    /* The library's own. */
    void *elems;
} wasm_table_inst_t;

WASM_RUNTIME_API_EXTERN bool wasm_runtime_get_export_table_inst(wasm_module_inst_t module_inst,
                                                                const char *name,
                                                                wasm_table_inst_t *table_inst);
/* NULL where there is no function at the index. */
WASM_RUNTIME_API_EXTERN wasm_function_inst_t
wasm_table_get_func_inst(wasm_module_inst_t module_inst, const wasm_table_inst_t *table_inst,
                         uint32_t idx);

/* ---- native functions ---- */

/* A signature is the parameters in parentheses, and the result, if any:
 *   i I f F   an i32, i64, f32, f64
 *   *         an i32 that is an address: the function gets a pointer; the byte there is in the memory
 *   *~        an address and the length of what is there, two i32: all of it is in the memory
 *   $         an i32 that is the address of a text: the function gets a pointer; its zero byte is in
 *             the memory
 * Where that is not so, the guest traps with "out of bounds memory access" before the call. The address
 * 0 is one as any other. The function gets the execution environment first, and then its arguments. */

/* The texts are copied. The address of the table stands for it in wasm_runtime_unregister_natives. What
 * is registered later is found before what was registered earlier. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_register_natives(const char *module_name,
                                                           NativeSymbol *native_symbols,
                                                           uint32_t n_native_symbols);
/* Functions of the type void (wasm_exec_env_t, uint64_t *args). The result goes to args[0]. */
WASM_RUNTIME_API_EXTERN bool wasm_runtime_register_natives_raw(const char *module_name,
                                                               NativeSymbol *native_symbols,
                                                               uint32_t n_native_symbols);
WASM_RUNTIME_API_EXTERN bool wasm_runtime_unregister_natives(const char *module_name,
                                                             NativeSymbol *native_symbols);
WASM_RUNTIME_API_EXTERN bool wasm_runtime_is_import_func_linked(const char *module_name,
                                                                const char *func_name);
/* What the table has for the native function that is running. */
WASM_RUNTIME_API_EXTERN void *wasm_runtime_get_function_attachment(wasm_exec_env_t exec_env);

/* ---- what modules import and export ---- */

typedef enum {
    WASM_IMPORT_EXPORT_KIND_FUNC = 0,
    WASM_IMPORT_EXPORT_KIND_TABLE = 1,
    WASM_IMPORT_EXPORT_KIND_MEMORY = 2,
    WASM_IMPORT_EXPORT_KIND_GLOBAL = 3,
    /* holdall's: tags of exceptions. */
    WASM_IMPORT_EXPORT_KIND_TAG = 4
} wasm_import_export_kind_t;

typedef struct WASMFuncType *wasm_func_type_t;
typedef struct WASMTableType *wasm_table_type_t;
typedef struct WASMGlobalType *wasm_global_type_t;
typedef struct WASMMemoryType *wasm_memory_type_t;

/* Names and types are good until the module is unloaded. */
typedef struct wasm_import_t {
    const char *module_name;
    const char *name;
    wasm_import_export_kind_t kind;
    /* Always true: what cannot be linked is not loaded. */
    bool linked;
    union {
        wasm_func_type_t func_type;
        wasm_table_type_t table_type;
        wasm_global_type_t global_type;
        wasm_memory_type_t memory_type;
    } u;
} wasm_import_t;

typedef struct wasm_export_t {
    const char *name;
    wasm_import_export_kind_t kind;
    union {
        wasm_func_type_t func_type;
        wasm_table_type_t table_type;
        wasm_global_type_t global_type;
        wasm_memory_type_t memory_type;
    } u;
} wasm_export_t;

/* -1 where there is no such module. */
WASM_RUNTIME_API_EXTERN int32_t wasm_runtime_get_import_count(wasm_module_t module);
WASM_RUNTIME_API_EXTERN int32_t wasm_runtime_get_export_count(wasm_module_t module);
/* Nothing is written where there is no such index. */
WASM_RUNTIME_API_EXTERN void wasm_runtime_get_import_type(wasm_module_t module, int32_t import_index,
                                                          wasm_import_t *import_type);
WASM_RUNTIME_API_EXTERN void wasm_runtime_get_export_type(wasm_module_t module, int32_t export_index,
                                                          wasm_export_t *export_type);

WASM_RUNTIME_API_EXTERN uint32_t wasm_func_type_get_param_count(wasm_func_type_t func_type);
/* (wasm_valkind_t)-1 where there is no such index. */
WASM_RUNTIME_API_EXTERN wasm_valkind_t wasm_func_type_get_param_valkind(wasm_func_type_t func_type,
                                                                        uint32_t param_index);
WASM_RUNTIME_API_EXTERN uint32_t wasm_func_type_get_result_count(wasm_func_type_t func_type);
WASM_RUNTIME_API_EXTERN wasm_valkind_t wasm_func_type_get_result_valkind(wasm_func_type_t func_type,
                                                                         uint32_t result_index);
WASM_RUNTIME_API_EXTERN wasm_valkind_t wasm_global_type_get_valkind(wasm_global_type_t global_type);
WASM_RUNTIME_API_EXTERN bool wasm_global_type_get_mutable(wasm_global_type_t global_type);
WASM_RUNTIME_API_EXTERN bool wasm_memory_type_get_shared(wasm_memory_type_t memory_type);
/* UINT32_MAX where the number does not fit, and where a table has no limit. */
WASM_RUNTIME_API_EXTERN uint32_t wasm_memory_type_get_init_page_count(wasm_memory_type_t memory_type);
WASM_RUNTIME_API_EXTERN uint32_t wasm_memory_type_get_max_page_count(wasm_memory_type_t memory_type);
WASM_RUNTIME_API_EXTERN wasm_valkind_t wasm_table_type_get_elem_kind(wasm_table_type_t table_type);
WASM_RUNTIME_API_EXTERN uint32_t wasm_table_type_get_init_size(wasm_table_type_t table_type);
WASM_RUNTIME_API_EXTERN uint32_t wasm_table_type_get_max_size(wasm_table_type_t table_type);

#ifdef __cplusplus
} /* extern "C" */

/* Readers of either type, and two arguments or three. */
template <typename Kind>
inline void
wasm_runtime_set_module_reader(bool (*reader)(Kind, const char *, uint8_t **, uint32_t *),
                               module_destroyer destroyer)
{
    holdall_set_module_reader_by_kind(reader, destroyer);
}

inline wasm_function_inst_t
wasm_runtime_lookup_function(wasm_module_inst_t module_inst, const char *name, const char *signature)
{
    return holdall_lookup_function_of(module_inst, name, signature);
}

#else

/* Readers of either type: the type of the first argument chooses the function. */
#if defined(__GNUC__) || defined(__clang__)
#define wasm_runtime_set_module_reader(reader, destroyer)                                              \
    __builtin_choose_expr(                                                                             \
        __builtin_types_compatible_p(__typeof__(1 ? (reader) : (reader)), holdall_reader_by_kind_t),                \
        holdall_set_module_reader_by_kind, wasm_runtime_set_module_reader)((reader), (destroyer))
#elif defined(HOLDALL_READER_BY_KIND)
#define wasm_runtime_set_module_reader holdall_set_module_reader_by_kind
#endif

/* Two arguments, or three: what is written third is the function that the call needs. */
#define wasm_runtime_lookup_function(...) HOLDALL_LOOKUP(__VA_ARGS__, NULL, NULL)
#define HOLDALL_LOOKUP(module_inst, name, signature, ...)                                              \
    holdall_lookup_function_of(module_inst, name, signature)

#endif

/* ---- what native functions say briefly ---- */

/* The first uses the execution environment that is passed; the others a variable `module_inst`. */
#define get_module_inst(exec_env) wasm_runtime_get_module_inst(exec_env)
#define validate_app_addr(offset, size) wasm_runtime_validate_app_addr(module_inst, offset, size)
#define validate_app_str_addr(offset) wasm_runtime_validate_app_str_addr(module_inst, offset)
#define addr_app_to_native(offset) wasm_runtime_addr_app_to_native(module_inst, offset)
#define addr_native_to_app(ptr) wasm_runtime_addr_native_to_app(module_inst, ptr)
#define module_malloc(size, p_native_addr) wasm_runtime_module_malloc(module_inst, size, p_native_addr)
#define module_free(offset) wasm_runtime_module_free(module_inst, offset)

/* In functions of wasm_runtime_register_natives_raw. */
#define native_raw_return_type(type, args) type *raw_ret = (type *)(args)
#define native_raw_get_arg(type, name, args) type name = *((type *)(args++))
#define native_raw_set_return(val) *raw_ret = (val)

#endif /* HOLDALL_WASM_EXPORT_H */
