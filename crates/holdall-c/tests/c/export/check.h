/* What the tests' programs share: checks, and a module reader over the directory of the process. */

#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh_read_file.h"
#include "platform_common.h"
#include "wasm_export.h"

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                              \
        }                                                                         \
    } while (0)

/* The text begins with another, or is it. */
#define CHECK_TEXT(text, expected)                                                       \
    do {                                                                                 \
        const char *found_ = (text);                                                     \
        if (!found_ || strcmp(found_, (expected)) != 0) {                                \
            fprintf(stderr, "%s:%d: expected %s\n    found %s\n", __FILE__, __LINE__,     \
                    (expected), found_ ? found_ : "(null)");                             \
            exit(1);                                                                     \
        }                                                                                \
    } while (0)

static int reads = 0, destroyed = 0;
static char error_buf[512];

static inline bool
read_module(const char *name, uint8_t **buffer, uint32_t *size)
{
    char path[256];
    FILE *file;
    snprintf(path, sizeof(path), "./%s.wasm", name);
    file = fopen(path, "rb");
    if (!file)
        return false;
    fclose(file);
    *buffer = (uint8_t *)bh_read_file_to_buffer(path, size);
    if (!*buffer)
        return false;
    reads++;
    return true;
}

static inline void
destroy_module(uint8_t *buffer, uint32_t size)
{
    CHECK(size >= 8 && memcmp(buffer, "\0asm", 4) == 0);
    destroyed++;
    wasm_runtime_free(buffer);
}

static inline wasm_module_t
load(const char *name)
{
    uint8_t *buffer;
    uint32_t size;
    wasm_module_t module;
    CHECK(read_module(name, &buffer, &size));
    reads--;
    module = wasm_runtime_load(buffer, size, error_buf, sizeof(error_buf));
    /* The module has a copy. */
    memset(buffer, 0xaa, size);
    wasm_runtime_free(buffer);
    return module;
}

static inline wasm_module_inst_t
instantiate(wasm_module_t module)
{
    return wasm_runtime_instantiate(module, 16 * 1024, 16 * 1024, error_buf, sizeof(error_buf));
}

#endif
