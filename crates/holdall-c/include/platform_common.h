/*
 * platform_common.h: the short names of types, of memory and of assertions that programs for WAMR use.
 *
 * Copyright of holdall's authors. SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef HOLDALL_PLATFORM_COMMON_H
#define HOLDALL_PLATFORM_COMMON_H

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__unix__) || defined(__APPLE__)
#include <getopt.h>
#include <unistd.h>
#endif

typedef uint8_t uint8;
typedef int8_t int8;
typedef uint16_t uint16;
typedef int16_t int16;
typedef uint32_t uint32;
typedef int32_t int32;
typedef uint64_t uint64;
typedef int64_t int64;
typedef float float32;
typedef double float64;

#ifdef __cplusplus
extern "C" {
#endif

/* As wasm_export.h has them. */
void *wasm_runtime_malloc(unsigned int size);
void *wasm_runtime_realloc(void *ptr, unsigned int size);
void wasm_runtime_free(void *ptr);

#ifdef __cplusplus
}
#endif

#ifndef BH_MALLOC
#define BH_MALLOC wasm_runtime_malloc
#endif
#ifndef BH_REALLOC
#define BH_REALLOC wasm_runtime_realloc
#endif
#ifndef BH_FREE
#define BH_FREE wasm_runtime_free
#endif

#ifndef bh_assert
#define bh_assert assert
#endif

#endif /* HOLDALL_PLATFORM_COMMON_H */
