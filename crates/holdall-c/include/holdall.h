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

#undef own

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* HOLDALL_H */
