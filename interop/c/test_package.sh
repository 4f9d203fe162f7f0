#!/bin/sh
# Installs the library into a folder and builds the example against it, with CMake and with pkg-config: test_package.sh FOLDER
set -eu
source=$(cd "$(dirname "$0")" && pwd)
rm -rf "$1"
mkdir -p "$1/example"
folder=$(cd "$1" && pwd)

for shared in OFF ON; do
    prefix=$folder/installed-$shared
    cmake -S "$source" -B "$folder/build-$shared" -DCMAKE_INSTALL_PREFIX="$prefix" -DBUILD_SHARED_LIBS=$shared >/dev/null
    cmake --build "$folder/build-$shared" --target install >/dev/null

    cp "$source/example.c" "$folder/example"
    cat >"$folder/example/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.12)
project(example LANGUAGES C)
find_package(bookend 0.1 REQUIRED)
add_executable(example example.c)
target_link_libraries(example bookend::bookend)
END
    cmake -S "$folder/example" -B "$folder/example-$shared" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
    cmake --build "$folder/example-$shared" >/dev/null
    test "$("$folder/example-$shared/example")" = hi

    PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name bookend.pc)")
    export PKG_CONFIG_PATH
    # Without quotes: the flags are words of their own.
    ${CC:-cc} -o "$folder/example-pkg" "$source/example.c" $(pkg-config --cflags --libs bookend)
    test "$(LD_LIBRARY_PATH=$(pkg-config --variable=libdir bookend) "$folder/example-pkg")" = hi
done
