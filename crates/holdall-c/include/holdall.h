/* holdall.h: what wasm.h has no words for.
 *
 * The rules of wasm.h hold here, too: about ownership, handles, deleting, NULL and threads. Strings are UTF-8
 * with a zero byte at their end, and are copied where they are needed for longer than the call.
 */
#ifndef HOLDALL_H
#define HOLDALL_H

#include "wasm.h"

#ifdef __cplusplus
extern "C" {
#endif

#define own

/* ------------------------------------------------------------------------------------------------------ *
 * Errors
 * ------------------------------------------------------------------------------------------------------ */

/* Why the last function of wasm.h or holdall.h that failed on this thread did so: where it returned NULL,
 * false or 0, or set an `out` empty. A call that returns a trap tells its reason by the trap. NULL where
 * nothing has failed yet. The text is borrowed until the next failure on this thread. */
WASM_API_EXTERN const char *holdall_last_error(void);

/* Whether a trap is the guest's own end, by WASI's proc_exit; sets `code` to the exit code, 0 included. */
WASM_API_EXTERN bool holdall_trap_exit_code(const wasm_trap_t *, int32_t *code);

/* ------------------------------------------------------------------------------------------------------ *
 * Configuration: to be set before the engine is made
 * ------------------------------------------------------------------------------------------------------ */

/* Whether guests' work is metered, so that stores can have fuel and timeouts, and be interrupted. Off at first:
 * metering takes some percent of the time. */
WASM_API_EXTERN void holdall_config_metering_set(wasm_config_t *, bool);

/* The fuel of each new store, in units of about an instruction. Turns metering on. */
WASM_API_EXTERN void holdall_config_fuel_set(wasm_config_t *, uint64_t units);

/* The most bytes that the guests of a store may make the host hold, linear memories and tables first of all. */
WASM_API_EXTERN void holdall_config_memory_limit_set(wasm_config_t *, size_t bytes);

/* The size of each store's stack in bytes, which bounds how deep guests' calls go. 1 MiB at first. */
WASM_API_EXTERN void holdall_config_stack_size_set(wasm_config_t *, size_t bytes);

/* Whether every NaN that a guest computes is the positive canonical one, so that results are the same on
 * every machine. */
WASM_API_EXTERN void holdall_config_canonical_nans_set(wasm_config_t *, bool);

/* Has the engine take its memory from this buffer alone. The buffer stays borrowed until the engine, and all
 * stores and modules that were made with it, are deleted. False where it is NULL or too small. */
WASM_API_EXTERN bool holdall_config_pool_set(wasm_config_t *, void *buffer, size_t size);

/* ------------------------------------------------------------------------------------------------------ *
 * Stores: their time
 * ------------------------------------------------------------------------------------------------------ */

/* The fuel that is left. False where no limit is set. */
WASM_API_EXTERN bool holdall_store_fuel_get(const wasm_store_t *, uint64_t *units);

/* Replaces the fuel. A guest without fuel traps. False where the engine does not meter. */
WASM_API_EXTERN bool holdall_store_fuel_set(wasm_store_t *, uint64_t units);

/* Has executions end with a trap when this time from now is over; later calls set it anew. False where the
 * engine does not meter. */
WASM_API_EXTERN bool holdall_store_timeout_set(wasm_store_t *, uint64_t milliseconds);

/* What ends a store's execution from another thread: `holdall_interrupt` may be called by any thread, also after
 * the store was deleted. The execution ends with a trap within milliseconds; where nothing executes, the next
 * execution ends so. NULL where the engine does not meter. */
typedef struct holdall_interrupt_t holdall_interrupt_t;
WASM_API_EXTERN own holdall_interrupt_t *holdall_interrupt_new(const wasm_store_t *);
WASM_API_EXTERN void holdall_interrupt(const holdall_interrupt_t *);
WASM_API_EXTERN void holdall_interrupt_delete(own holdall_interrupt_t *);

/* ------------------------------------------------------------------------------------------------------ *
 * Text
 * ------------------------------------------------------------------------------------------------------ */

/* The binary format of a module in the text format. False, and `out` empty, where the text is none. */
WASM_API_EXTERN bool holdall_wat2wasm(const char *text, size_t size, own wasm_byte_vec_t *out);

/* ------------------------------------------------------------------------------------------------------ *
 * WASI: what modules may reach of the host
 * ------------------------------------------------------------------------------------------------------ */

/* Grants; none at first: no arguments, no variables, closed streams, no directory, no clock, no randomness. What
 * a function adds is told by its name. The functions that return bool give false where a string is NULL or no
 * UTF-8, or a directory cannot be opened; then nothing was added. */
typedef struct holdall_wasi_t holdall_wasi_t;
WASM_API_EXTERN own holdall_wasi_t *holdall_wasi_new(void);
WASM_API_EXTERN void holdall_wasi_delete(own holdall_wasi_t *);

/* Programs take the first argument for their own name. */
WASM_API_EXTERN bool holdall_wasi_arg(holdall_wasi_t *, const char *arg);
WASM_API_EXTERN bool holdall_wasi_env(holdall_wasi_t *, const char *name, const char *value);

/* The process's own standard streams. */
WASM_API_EXTERN void holdall_wasi_inherit_stdio(holdall_wasi_t *);

/* A standard input of these bytes, which are copied. */
WASM_API_EXTERN void holdall_wasi_stdin_bytes(holdall_wasi_t *, const wasm_byte_vec_t *);

/* A standard output, or a standard error, that is kept; what was written so far can be had at any time, by any
 * thread. */
typedef struct holdall_capture_t holdall_capture_t;
WASM_API_EXTERN own holdall_capture_t *holdall_wasi_capture_stdout(holdall_wasi_t *);
WASM_API_EXTERN own holdall_capture_t *holdall_wasi_capture_stderr(holdall_wasi_t *);
WASM_API_EXTERN void holdall_capture_bytes(const holdall_capture_t *, own wasm_byte_vec_t *out);
WASM_API_EXTERN void holdall_capture_delete(own holdall_capture_t *);

/* A directory of the host, under the guest's name for it. A guest cannot leave it. */
WASM_API_EXTERN bool holdall_wasi_dir(
    holdall_wasi_t *, const char *host_path, const char *guest_path, bool read_only);
WASM_API_EXTERN void holdall_wasi_clocks(holdall_wasi_t *);
WASM_API_EXTERN void holdall_wasi_random(holdall_wasi_t *);

/* ------------------------------------------------------------------------------------------------------ *
 * Linking by names
 * ------------------------------------------------------------------------------------------------------ */

/* Finds the imports of modules by their names: among what was defined, then among modules that were registered,
 * then by a reader. For one thread at a time. The functions that return bool give false where a string is NULL
 * or no UTF-8, a name is defined already, or something is of another engine or store. */
typedef struct holdall_linker_t holdall_linker_t;
WASM_API_EXTERN own holdall_linker_t *holdall_linker_new(const wasm_engine_t *);
WASM_API_EXTERN void holdall_linker_delete(own holdall_linker_t *);

/* Lets modules import WASI, and reach these grants. */
WASM_API_EXTERN bool holdall_linker_wasi(holdall_linker_t *, own holdall_wasi_t *);

/* Defines one thing, for modules that are instantiated in its store. */
WASM_API_EXTERN bool holdall_linker_define(
    holdall_linker_t *, const char *module, const char *name, const wasm_extern_t *);

/* Registers a module under a name: what imports from this name gets an instance of the module, one in a store. */
WASM_API_EXTERN bool holdall_linker_module(holdall_linker_t *, const char *name, const wasm_module_t *);

/* Gives the bytes of the module of this name, in the binary format, as a vector that it owns, and returns true;
 * false where it has no such module. It is called while a module is being instantiated, and cannot use the store. */
typedef bool (*holdall_reader_t)(void *env, const char *name, own wasm_byte_vec_t *out);

/* Has modules that nothing else knows be read. Replaces an earlier reader. The finalizer, which may be NULL, gets
 * the environment when the linker is deleted or another reader is set. */
WASM_API_EXTERN bool holdall_linker_reader(
    holdall_linker_t *, holdall_reader_t, void *env, void (*finalizer)(void *));

/* Instantiates a module, and first what it needs. NULL where that cannot be; the trap says why, where `trap` is
 * not NULL. */
WASM_API_EXTERN own wasm_instance_t *holdall_linker_instantiate(
    const holdall_linker_t *, wasm_store_t *, const wasm_module_t *, own wasm_trap_t **trap);

/* The export of this name. `$module$function` is the function of another module of the same linking. NULL where
 * there is none. */
WASM_API_EXTERN own wasm_extern_t *holdall_instance_get(const wasm_instance_t *, const char *name);

#undef own

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* HOLDALL_H */
