/* Nothing but the header: it needs no other, and may be included twice. */
#include "wasm_export.h"
#include "wasm_export.h"

int main(void) { return 0; }
