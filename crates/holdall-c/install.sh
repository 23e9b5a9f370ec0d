#!/bin/sh
# Builds holdall's libraries for C and installs them with their headers:
#
#   install.sh PREFIX
#
# PREFIX/include          wasm_export.h, wasm.h and what stands beside them
# PREFIX/lib              libholdall.a, libholdall.so (libholdall.dylib on macOS)
# PREFIX/lib/pkgconfig    holdall.pc
# PREFIX/lib/cmake        holdallConfig.cmake: targets holdall::holdall and holdall::static
#
# Nothing in PREFIX names PREFIX: the whole may be moved. Environment: DESTDIR is put before PREFIX;
# CARGO_BUILD_TARGET builds for another target; CARGO_TARGET_DIR says where.
set -eu

if [ $# -ne 1 ] || [ -z "$1" ] || [ "${1#-}" != "$1" ]; then
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
prefix=${DESTDIR:-}$1
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/Cargo.toml" | head -n 1)
if [ -z "$version" ]; then
    # Within holdall's repository packages have the workspace's version.
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml" | head -n 1)
fi
major=${version%%.*}
if [ -z "${CARGO_TARGET_DIR:-}" ]; then
    CARGO_TARGET_DIR=$here/../../target
    [ -f "$here/../../Cargo.toml" ] || CARGO_TARGET_DIR=$here/target
fi
export CARGO_TARGET_DIR
built=$CARGO_TARGET_DIR/${CARGO_BUILD_TARGET:+$CARGO_BUILD_TARGET/}release

case ${CARGO_BUILD_TARGET:-$(uname -s)} in
*[Dd]arwin*) shared=libholdall.dylib versioned=libholdall.$major.dylib
    name="-Wl,-install_name,@rpath/$versioned" ;;
*) shared=libholdall.so versioned=libholdall.so.$major
    name="-Wl,-soname,$versioned" ;;
esac

log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo rustc --manifest-path "$here/Cargo.toml" --release --lib --crate-type staticlib,cdylib -- \
    -C "link-arg=$name" --print native-static-libs 2>"$log" || { cat "$log" >&2; exit 1; }
# What a program that is linked with the static library needs beside it.
private=$(sed -n 's/^note: native-static-libs: //p' "$log" | tail -n 1)
: "${private:=-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc}"

mkdir -p "$prefix/include" "$prefix/lib/pkgconfig" "$prefix/lib/cmake/holdall"
cp "$here"/include/*.h "$prefix/include"
cp "$built/libholdall_c.a" "$prefix/lib/libholdall.a"
if grep -q 'dropping unsupported crate type `cdylib`' "$log"; then
    versioned=libholdall.a
    echo "there are no shared libraries for this target"
else
    cp "$built/libholdall_c.${shared##*.}" "$prefix/lib/$versioned"
    ln -sf "$versioned" "$prefix/lib/$shared"
fi

cat >"$prefix/lib/pkgconfig/holdall.pc" <<EOF
prefix=\${pcfiledir}/../..
includedir=\${prefix}/include
libdir=\${prefix}/lib

Name: holdall
Description: Loads, links and runs WebAssembly modules
Version: $version
Cflags: -I\${includedir}
Libs: -L\${libdir} -lholdall
Libs.private: $private
EOF

list=$(echo "$private" | sed 's/ /;/g')
cat >"$prefix/lib/cmake/holdall/holdallConfig.cmake" <<EOF
get_filename_component(_holdall_prefix "\${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET holdall::holdall)
  add_library(holdall::holdall UNKNOWN IMPORTED)
  set_target_properties(holdall::holdall PROPERTIES
    IMPORTED_LOCATION "\${_holdall_prefix}/lib/$versioned"
    INTERFACE_INCLUDE_DIRECTORIES "\${_holdall_prefix}/include")
  add_library(holdall::static STATIC IMPORTED)
  set_target_properties(holdall::static PROPERTIES
    IMPORTED_LOCATION "\${_holdall_prefix}/lib/libholdall.a"
    IMPORTED_LINK_INTERFACE_LANGUAGES C
    INTERFACE_LINK_LIBRARIES "$list"
    INTERFACE_INCLUDE_DIRECTORIES "\${_holdall_prefix}/include")
endif()
unset(_holdall_prefix)
EOF
cat >"$prefix/lib/cmake/holdall/holdallConfigVersion.cmake" <<EOF
set(PACKAGE_VERSION "$version")
if(PACKAGE_FIND_VERSION_MAJOR STREQUAL "$major" AND NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
endif()
EOF

echo "holdall $version is in $prefix"
wc -c "$prefix/lib/libholdall.a" "$prefix/lib/$versioned" | sed '$d'
echo "static linking needs: $private"
