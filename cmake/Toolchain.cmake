# SPDX-License-Identifier: Apache-2.0
# Compiler, linker and cache settings that hold for every target.

set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CRONIUM_CCACHE ccache)
if(CRONIUM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths are made relative to the source tree, so a second checkout in another folder hits the cache.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
               CCACHE_SLOPPINESS=pch_defines,time_macros ${CRONIUM_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

# mold relinks in about a second where the default linker takes six.
find_program(CRONIUM_MOLD mold)
if(CRONIUM_MOLD)
  add_link_options($<$<LINK_LANGUAGE:CXX>:-fuse-ld=mold>)
endif()

set(CMAKE_CXX_FLAGS_DEBUG "-Og -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
add_compile_options(-Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers
                    -fno-omit-frame-pointer)
# What ABSL_GUARDED_BY and its kin promise holds: clang alone can tell.
add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Werror=thread-safety>)
# Debug information names files by their path in the tree, wherever the tree is.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

# Sanitizers go to every target but the static ones, which run as pid 1 in any image.
if(CRONIUM_SANITIZE)
  set(CRONIUM_SANITIZE_OPTIONS -fsanitize=${CRONIUM_SANITIZE} -fno-sanitize-recover=all)
endif()
if(CRONIUM_SANITIZE MATCHES "address,undefined" AND CMAKE_BUILD_TYPE STREQUAL Debug)
  # What UBSan puts in is slow to optimise: half the time to compile, of which there is more than of running.
  list(APPEND CRONIUM_SANITIZE_OPTIONS -O0)
endif()
if(CRONIUM_SANITIZE MATCHES thread)
  # With this macro Protobuf's headers give messages with a map another layout than the packaged library has.
  list(APPEND CRONIUM_SANITIZE_OPTIONS -U__SANITIZE_THREAD__)
  # Without it the packaged libraries take inline functions from our programs, instrumented ones, of which their own
  # synchronisation is not to be seen.
  list(APPEND CRONIUM_SANITIZE_OPTIONS -fvisibility-inlines-hidden)
endif()
