// mB: the middle of the multi-module example. What it needs of mA, it names in its import
// section; whoever loads mB finds mA from that alone.

#define FROM(module, name) __attribute__((import_module(module), import_name(name)))

FROM("mA", "A") extern int A(void);

int B(void) {
    return 11;
}

int call_A(void) {
    return A();
}
