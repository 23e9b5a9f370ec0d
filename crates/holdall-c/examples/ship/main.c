/*
 * A program that ships as one file: its modules are a part of it, and it reads nothing else. mC is what it runs;
 * mA and mB are what mC imports.
 */

#include <stdio.h>
#include <string.h>

#include "wasm_export.h"

#define MODULE(name) extern const uint8_t name##_begin[], name##_end[];
#include "modules.def"
#undef MODULE

static const struct {
    const char *name;
    const uint8_t *begin, *end;
} modules[] = {
#define MODULE(name) { #name, name##_begin, name##_end },
#include "modules.def"
#undef MODULE
};

/* Finds a module's bytes by its name: they are here. */
static bool
read_module(const char *name, uint8_t **buffer, uint32_t *size)
{
    size_t i;
    for (i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
        if (strcmp(modules[i].name, name) == 0) {
            *buffer = (uint8_t *)modules[i].begin;
            *size = (uint32_t)(modules[i].end - modules[i].begin);
            return true;
        }
    }
    return false;
}

/* The bytes are the program's: there is nothing to free. */
static void
destroy_module(uint8_t *buffer, uint32_t size)
{
    (void)buffer;
    (void)size;
}

/* All that the guests have comes from here. */
static char pool[2 * 1024 * 1024];

int
main(int argc, char *argv[])
{
    RuntimeInitArgs args;
    wasm_module_t module;
    wasm_module_inst_t inst;
    uint8_t *buffer;
    uint32_t size;
    char error[256];
    int i, status = 0;

    memset(&args, 0, sizeof(args));
    args.mem_alloc_type = Alloc_With_Pool;
    args.mem_alloc_option.pool.heap_buf = pool;
    args.mem_alloc_option.pool.heap_size = sizeof(pool);
    if (!wasm_runtime_full_init(&args))
        return 1;
    wasm_runtime_set_module_reader(read_module, destroy_module);
    if (!read_module("mC", &buffer, &size) || !(module = wasm_runtime_load(buffer, size, error, sizeof(error)))
        || !(inst = wasm_runtime_instantiate(module, 64 * 1024, 0, error, sizeof(error)))) {
        fprintf(stderr, "%s\n", error);
        wasm_runtime_destroy();
        return 1;
    }
    /* Each argument is a function: C, call_A, $mB$B. */
    for (i = 1; i < argc; i++)
        status |= !wasm_application_execute_func(inst, argv[i], 0, NULL);
    wasm_runtime_destroy();
    return status;
}
