/*
 * bh_read_file.h: reads a file of the host.
 *
 * Copyright of holdall's authors. SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef HOLDALL_BH_READ_FILE_H
#define HOLDALL_BH_READ_FILE_H

#include "platform_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The content of a file, in memory that BH_FREE frees, and its size. NULL, after a word on standard
 * error, where the file cannot be read, is empty, or there is no room. */
char *bh_read_file_to_buffer(const char *filename, uint32_t *ret_size);

#ifdef __cplusplus
}
#endif

#endif /* HOLDALL_BH_READ_FILE_H */
