#!/bin/sh
# Builds the library as it is installed, and prints what calls between C and a guest take.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
cargo build --quiet --release --package holdall-c --manifest-path "$here/Cargo.toml"
"${CC:-cc}" -O2 -std=gnu99 -I "$here/include" "$here/benches/calls.c" \
    "$target/release/libholdall_c.so" -Wl,-rpath,"$target/release" -o "$target/holdall-c-calls"
exec "$target/holdall-c-calls"
