#!/usr/bin/env bash
# Builds the guests from their sources: C with clang and lld, Rust with rustc.
#
#   wasm-apps/build.sh                   the modules of bundle/, the kernels of wasm-apps/bench/, and
#                                        the WASI programs of wasm-apps/wasi/
#   wasm-apps/build.sh --check           builds elsewhere and compares with what is committed
#   wasm-apps/build.sh --kernels O3 DIR  only the kernels, at another level of optimisation, into DIR
#                                        (with rust for the level: those of bench/rust/, in Rust),
#                                        those of bench/unseen/ into DIR/unseen, and those of
#                                        bench/simd/, with vectors, into DIR/simd
#
# The results are committed, so that nobody needs clang to build holdall. They are the same byte for
# byte wherever the same clang and lld build them; TOOLCHAIN records which did. Where --check finds
# others, it says so, and compares what the modules do instead of their bytes.
#
# The WASI programs want more: wasi-libc and clang's runtime library for those in C, Rust with the
# target wasm32-wasip1 for the one in Rust. wasi/TOOLCHAIN records them. The kernels in Rust want the
# target wasm32-unknown-unknown; what they build is not committed.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")"

CLANG=${CLANG:-clang}
HOLDALL=${HOLDALL:-../target/release/holdall}
BUNDLE=../bundle
KERNELS=bench
PROGRAMS=wasi
# Where wasi-libc is, with its headers below include/wasm32-wasi.
WASI_SYSROOT=${WASI_SYSROOT:-/usr}

need_clang() {
    local tool
    for tool in "$CLANG" wasm-ld; do
        if ! command -v "$tool" >/dev/null; then
            echo "wasm-apps/build.sh: needs $tool (on Debian: apt-get install clang lld)" >&2
            exit 3
        fi
    done
}

# has_rust TARGET
has_rust() {
    rustc --target "$1" --print target-libdir >/dev/null 2>&1 &&
        [[ -d $(rustc --target "$1" --print target-libdir) ]]
}

toolchain() {
    "$CLANG" --version | head -n 1
    wasm-ld --version | head -n 1
}

# build_module SOURCE LEVEL OUTPUT COMPILE-FLAGS LINK-FLAGS
#
# In two steps, because clang runs wasm-opt where it finds one if it optimises and links at once:
# the result would depend on what else is installed.
build_module() {
    local source=$1 level=$2 output=$3 compile=$4 link=$5
    local object
    object=$(mktemp --suffix=.o)
    # shellcheck disable=SC2086 # the flags are words
    "$CLANG" --target=wasm32 "-$level" -std=c11 -Wall -Wextra -Werror $compile -c -o "$object" "$source"
    "$CLANG" --target=wasm32 -nostdlib "-Wl,$link" -o "$output" "$object"
    chmod 644 "$output"
    rm "$object"
}

build_bundle() {
    local into=$1 name
    for name in mA mB mC; do
        build_module "$name.c" O2 "$into/$name.wasm" -ffreestanding --no-entry,--allow-undefined,--export-all
    done
}

# Nothing may stay undefined here: with -fno-builtin clang does not make calls to memset and the
# like of the kernels' loops.
build_kernels() {
    local level=$1 into=$2 source name flags
    mkdir -p "$into/unseen" "$into/simd"
    for source in bench/*.c bench/unseen/*.c bench/simd/*.c; do
        name=${source#bench/}
        flags=-fno-builtin
        if [[ $name == simd/* ]]; then
            flags+=" -msimd128"
        fi
        build_module "$source" "$level" "$into/${name%.c}.wasm" "$flags" --no-entry
    done
}

# The same kernels under the same names, in Rust. Of their custom sections the names of functions
# stay, as in those in C.
build_rust_kernels() {
    local into=$1 source name
    for source in bench/rust/*.rs; do
        name=$(basename "$source" .rs)
        rustc --edition 2024 --crate-type cdylib --target wasm32-unknown-unknown -C opt-level=3 \
            -C panic=abort -C strip=debuginfo -C codegen-units=1 -o "$into/$name.wasm" "$source"
        chmod 644 "$into/$name.wasm"
    done
}

# What is missing to build the WASI programs, or nothing.
missing_for_programs() {
    if [[ ! -f $WASI_SYSROOT/lib/wasm32-wasi/libc.a ]]; then
        echo "wasi-libc (on Debian: apt-get install wasi-libc libclang-rt-dev-wasm32)"
    elif ! has_rust wasm32-wasip1; then
        echo "Rust for wasm32-wasip1 (rustup target add wasm32-wasip1)"
    fi
}

programs_toolchain() {
    toolchain
    echo "wasi-libc $(cksum <"$WASI_SYSROOT/lib/wasm32-wasi/libc.a")"
    rustc --version
}

# build_program SOURCE OUTPUT: none of them prints a floating point number, and the C library
# without that part is 5 KB smaller.
build_program() {
    local source=$1 output=$2
    local target=(--target=wasm32-wasi "--sysroot=$WASI_SYSROOT")
    local object
    object=$(mktemp --suffix=.o)
    "$CLANG" "${target[@]}" -isystem "$WASI_SYSROOT/include/wasm32-wasi" -Os -std=gnu11 \
        -Wall -Wextra -Werror -c -o "$object" "$source"
    "$CLANG" "${target[@]}" "-L$WASI_SYSROOT/lib/wasm32-wasi" -Wl,--strip-all \
        -lc-printscan-no-floating-point -o "$output" "$object"
    chmod 644 "$output"
    rm "$object"
}

build_rust_program() {
    local source=$1 output=$2
    rustc --edition 2024 --target wasm32-wasip1 -C opt-level=z -C panic=abort -C strip=symbols \
        -C lto=fat -C codegen-units=1 -o "$output" "$source"
    chmod 644 "$output"
}

build_programs() {
    local into=$1 source
    for source in "$PROGRAMS"/*.c; do
        build_program "$source" "$into/$(basename "$source" .c).wasm"
    done
    for source in "$PROGRAMS"/*.rs; do
        build_rust_program "$source" "$into/$(basename "$source" .rs).wasm"
    done
}

# The bytes that clang and lld of TOOLCHAIN made.
check_bytes() {
    local fresh=$1 committed=$2 file status=0
    while read -r file; do
        if ! cmp "$fresh/$file" "$committed/$file"; then
            status=1
        fi
    done < <(cd "$fresh" && find . -name '*.wasm')
    return $status
}

# What other versions of clang and lld made: it must link and answer as the committed modules do.
check_behaviour() {
    local fresh=$1
    local calls=(--invoke C --invoke call_B --invoke call_A
        --invoke '$mB$B' --invoke '$mB$call_A' --invoke '$mA$A')
    if [[ ! -x $HOLDALL ]]; then
        echo "skipped: the modules built here are not run ($HOLDALL is not built)"
        return 0
    fi
    local committed built
    committed=$("$HOLDALL" run mC "${calls[@]}")
    built=$("$HOLDALL" run --no-bundle --module-path "$fresh" "$fresh/mC.wasm" "${calls[@]}")
    diff <(echo "$committed") <(echo "$built")
    echo "the modules built here link and answer as the committed ones do"
}

check_programs() {
    local into=$1 missing
    missing=$(missing_for_programs)
    if [[ -n $missing ]]; then
        echo "skipped: the WASI programs are not built here, for want of $missing"
        return 0
    fi
    build_programs "$into"
    if [[ "$(programs_toolchain)" == "$(cat "$PROGRAMS/TOOLCHAIN")" ]]; then
        check_bytes "$into" "$PROGRAMS"
        echo "wasm-apps/wasi/ is what its sources build, byte for byte"
    else
        echo "they build; skipped: comparison of the WASI programs byte for byte, which were built by"
        sed 's/^/    /' "$PROGRAMS/TOOLCHAIN"
        echo "and here there is"
        programs_toolchain | sed 's/^/    /'
    fi
}

check() {
    local temporary
    temporary=$(mktemp -d)
    # shellcheck disable=SC2064 # the path of now is meant
    trap "rm -r '$temporary'" EXIT
    mkdir "$temporary/bundle" "$temporary/kernels" "$temporary/programs"
    build_bundle "$temporary/bundle"
    build_kernels O2 "$temporary/kernels"
    if [[ "$(toolchain)" == "$(cat TOOLCHAIN)" ]]; then
        check_bytes "$temporary/bundle" "$BUNDLE"
        check_bytes "$temporary/kernels" "$KERNELS"
        echo "bundle/ and wasm-apps/bench/ are what their sources build, byte for byte"
    else
        echo "skipped: comparison byte for byte; the committed modules were built by"
        sed 's/^/    /' TOOLCHAIN
        echo "and here there is"
        toolchain | sed 's/^/    /'
        check_behaviour "$temporary/bundle"
    fi
    check_programs "$temporary/programs"
}

case ${1:-} in
"")
    need_clang
    mkdir -p "$BUNDLE"
    build_bundle "$BUNDLE"
    build_kernels O2 "$KERNELS"
    toolchain >TOOLCHAIN
    missing=$(missing_for_programs)
    if [[ -n $missing ]]; then
        echo "wasm-apps/build.sh: the WASI programs need $missing" >&2
        exit 3
    fi
    build_programs "$PROGRAMS"
    programs_toolchain >"$PROGRAMS/TOOLCHAIN"
    ;;
--check)
    need_clang
    check
    ;;
--kernels)
    if [[ $# -ne 3 ]]; then
        echo "usage: wasm-apps/build.sh --kernels LEVEL|rust DIR" >&2
        exit 2
    fi
    into=$(cd "$here" && mkdir -p "$3" && cd "$3" && pwd)
    if [[ $2 != rust ]]; then
        need_clang
        build_kernels "$2" "$into"
    elif has_rust wasm32-unknown-unknown; then
        build_rust_kernels "$into"
    else
        echo "wasm-apps/build.sh: needs Rust for wasm32-unknown-unknown (rustup target add it)" >&2
        exit 3
    fi
    ;;
*)
    echo "usage: wasm-apps/build.sh [--check | --kernels LEVEL|rust DIR]" >&2
    exit 2
    ;;
esac
