/*
 * lib_export.h: tables of native functions that guests can import. wasm_export.h includes it.
 *
 * Copyright of holdall's authors. SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef HOLDALL_LIB_EXPORT_H
#define HOLDALL_LIB_EXPORT_H

/* An entry of a table. */
typedef struct NativeSymbol {
    /* The name that guests import. */
    const char *symbol;
    void *func_ptr;
    /* As wasm_export.h says at wasm_runtime_register_natives; NULL for what the guest says. */
    const char *signature;
    /* What wasm_runtime_get_function_attachment gives while the function runs. */
    void *attachment;
} NativeSymbol;

/* That a pointer to a function fits in one to an object is POSIX, which strict compilers are told. */
#if defined(__GNUC__) || defined(__clang__)
#define HOLDALL_FUNC_PTR(symbol) __extension__(void *) symbol
#else
#define HOLDALL_FUNC_PTR(symbol) (void *)symbol
#endif

/* Entries for a function of the same name, or of the name with `_wrapper` behind it; without signature,
 * with it, and with an attachment too. */
#define EXPORT_WASM_API(symbol) { #symbol, HOLDALL_FUNC_PTR(symbol), NULL, NULL }
#define EXPORT_WASM_API2(symbol) { #symbol, HOLDALL_FUNC_PTR(symbol##_wrapper), NULL, NULL }
#define EXPORT_WASM_API_WITH_SIG(symbol, signature) { #symbol, HOLDALL_FUNC_PTR(symbol), signature, NULL }
#define EXPORT_WASM_API_WITH_SIG2(symbol, signature) { #symbol, HOLDALL_FUNC_PTR(symbol##_wrapper), signature, NULL }
#define EXPORT_WASM_API_WITH_ATT(symbol, signature, attachment) \
    { #symbol, HOLDALL_FUNC_PTR(symbol), signature, attachment }
#define EXPORT_WASM_API_WITH_ATT2(symbol, signature, attachment) \
    { #symbol, HOLDALL_FUNC_PTR(symbol##_wrapper), signature, attachment }

#endif /* HOLDALL_LIB_EXPORT_H */
