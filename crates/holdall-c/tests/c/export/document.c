/* The program of the multi-module document, completed where the document leaves something out. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh_read_file.h"
#include "platform_common.h"
#include "wasm_export.h"

static bool
module_reader_cb(const char *module_name, uint8 **p_buffer, uint32 *p_size)
{
  char wasm_file_path[256];
  snprintf(wasm_file_path, sizeof(wasm_file_path), "./%s.wasm", module_name);
  *p_buffer = (uint8_t *)bh_read_file_to_buffer(wasm_file_path, p_size);
  return *p_buffer != NULL;
}

static void
module_destroyer_cb(uint8 *buffer, uint32 size)
{
  (void)size;
  BH_FREE(buffer);
}

static char sandbox_memory_space[10 * 1024 * 1024] = { 0 };

int main(void)
{
  RuntimeInitArgs init_args;
  char error_buf[128];
  char *args[1] = { NULL };
  uint8 *file_buf = NULL;
  uint32 file_buf_size = 0;
  const uint32 stack_size = 16 * 1024, heap_size = 16 * 1024;
  wasm_module_t module;
  wasm_module_inst_t module_inst;

  memset(&init_args, 0, sizeof(init_args));
  /* all malloc() only from the given buffer */
  init_args.mem_alloc_type = Alloc_With_Pool;
  init_args.mem_alloc_option.pool.heap_buf = sandbox_memory_space;
  init_args.mem_alloc_option.pool.heap_size = sizeof(sandbox_memory_space);

  /* initialize runtime environment */
  if (!wasm_runtime_full_init(&init_args))
    return 1;

  /* set module reader and destroyer */
  wasm_runtime_set_module_reader(module_reader_cb, module_destroyer_cb);

  /* load WASM byte buffer from WASM bin file */
  if (!module_reader_cb("mC", &file_buf, &file_buf_size))
    return 2;

  /* load mC and let WAMR load mA and mB */
  module = wasm_runtime_load(file_buf, file_buf_size,
                             error_buf, sizeof(error_buf));
  if (!module) {
    puts(error_buf);
    return 3;
  }

  /* instantiate the module */
  module_inst =
          wasm_runtime_instantiate(module, stack_size,
          heap_size, error_buf, sizeof(error_buf));
  if (!module_inst) {
    puts(error_buf);
    return 4;
  }

  printf("call \"C\", it will return 0xc:i32, ===> ");
  wasm_application_execute_func(module_inst, "C", 0, &args[0]);
  printf("call \"call_B\", it will return 0xb:i32, ===> ");
  wasm_application_execute_func(module_inst, "call_B", 0, &args[0]);
  printf("call \"call_A\", it will return 0xa:i32, ===>");
  wasm_application_execute_func(module_inst, "call_A", 0, &args[0]);

  /* call some functions of mB */
  printf("call \"mB.B\", it will return 0xb:i32, ===>");
  wasm_application_execute_func(module_inst, "$mB$B", 0, &args[0]);
  printf("call \"mB.call_A\", it will return 0xa:i32, ===>");
  wasm_application_execute_func(module_inst, "$mB$call_A", 0, &args[0]);

  /* call some functions of mA */
  printf("call \"mA.A\", it will return 0xa:i32, ===>");
  wasm_application_execute_func(module_inst, "$mA$A", 0, &args[0]);

  wasm_runtime_deinstantiate(module_inst);
  wasm_runtime_unload(module);
  module_destroyer_cb(file_buf, file_buf_size);
  wasm_runtime_destroy();
  return 0;
}
