/* The bytes of the modules, which the assembler takes in where they are: an object file with nothing else. */

#if defined(__APPLE__)
#define SYMBOL(name) "_" name
#define SECTION ".const_data"
#else
#define SYMBOL(name) name
#define SECTION ".section .rodata"
#endif

#define MODULE(name)                                                                       \
    __asm__(SECTION "\n.balign 16\n"                                                       \
            ".globl " SYMBOL(#name "_begin") "\n" SYMBOL(#name "_begin") ":\n"             \
            ".incbin \"" MODULES_DIR "/" #name ".wasm\"\n"                           \
            ".globl " SYMBOL(#name "_end") "\n" SYMBOL(#name "_end") ":\n"                 \
            ".byte 0\n.text\n");
#include "modules.def"
