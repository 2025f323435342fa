# SPDX-License-Identifier: Apache-2.0
# A small static executable that runs in any container image: no shared library, no exceptions, no sanitizer.
#
#   cronium_static_executable(cronium-init SRCS main.cc supervisor.cc LIBRARY agent_init)
#
# SRCS are compiled anew with these flags; LIBRARY is the cronium_library of the same folder, which tests link, and whose
# headers are used. The default linker rather than mold: a static glibc has IFUNC relocations, which bfd is the reference
# for, and such a link takes a fraction of a second.
function(cronium_static_executable target)
  cmake_parse_arguments(ARG "" "LIBRARY" "SRCS" ${ARGN})
  add_executable(${target} ${ARG_SRCS})
  target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/include/${ARG_LIBRARY})
  target_compile_definitions(${target} PRIVATE CRONIUM_VERSION="${PROJECT_VERSION}")
  target_compile_options(${target} PRIVATE -Os -fno-exceptions -fno-rtti -ffunction-sections -fdata-sections
                                           -fno-asynchronous-unwind-tables -fomit-frame-pointer)
  target_link_options(${target} PRIVATE -static -fuse-ld=bfd -Wl,--gc-sections -s)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF
                                             RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()
