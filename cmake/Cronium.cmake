# SPDX-License-Identifier: Apache-2.0
# One target per folder, and an include rule that the compiler enforces.
#
# Sources include headers by their path from the root ("controller/core/core.h"). The root itself is on nobody's include
# path: each library publishes a folder of links to its own headers, and a target sees only the folders of the libraries
# in its DEPS. An include that is not declared as a dependency does not compile.
#
#   cronium_library(controller_core SRCS core.cc queue.cc DEPS common_clock absl::status)
#   (PRIVATE_DEPS are for what only the sources use.)
#   cronium_executable(cronium-agent SRCS main.cc DEPS agent_session)
#   cronium_test(controller_core_test SRCS core_test.cc DEPS controller_core [LABELS unit])
#
# A library named by its folder: controller/store/sqlite is controller_store_sqlite. Headers are found by listing the
# folder; HDRS names them where one folder holds two libraries.
#
# With CRONIUM_UNITY the sources of a target are compiled some at a time, as one: a third of the work, since most of it is
# reading gRPC's headers. Names in their anonymous namespaces must differ then; SEPARATE keeps out a target whose files are
# alike on purpose.

function(_cronium_publish_headers target)
  cmake_parse_arguments(ARG "" "" "HDRS" ${ARGN})
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  if(NOT ARG_HDRS)
    file(GLOB ARG_HDRS CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.h)
  endif()
  set(root ${CMAKE_BINARY_DIR}/include/${target})
  file(REMOVE_RECURSE ${root})
  file(MAKE_DIRECTORY ${root}/${folder})
  foreach(header IN LISTS ARG_HDRS)
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${header} ${root}/${folder}/${header} SYMBOLIC)
  endforeach()
endfunction()

function(cronium_library target)
  cmake_parse_arguments(ARG "SEPARATE" "" "SRCS;HDRS;DEPS;PRIVATE_DEPS" ${ARGN})
  _cronium_publish_headers(${target} HDRS ${ARG_HDRS})
  if(ARG_SRCS)
    add_library(${target} STATIC ${ARG_SRCS})
    target_include_directories(${target} PUBLIC ${CMAKE_BINARY_DIR}/include/${target})
    target_link_libraries(${target} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
    _cronium_sanitize(${target})
    _cronium_unity(${target} "${ARG_SEPARATE}")
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE ${CMAKE_BINARY_DIR}/include/${target})
    target_link_libraries(${target} INTERFACE ${ARG_DEPS})
  endif()
endfunction()

function(cronium_executable target)
  cmake_parse_arguments(ARG "SEPARATE" "" "SRCS;DEPS" ${ARGN})
  add_executable(${target} ${ARG_SRCS})
  target_link_libraries(${target} PRIVATE ${ARG_DEPS})
  _cronium_sanitize(${target})
  _cronium_unity(${target} "${ARG_SEPARATE}")
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# Each GoogleTest case is one ctest entry; LABELS (default: unit) is how tools/test picks them.
function(cronium_test target)
  cmake_parse_arguments(ARG "SEPARATE" "TIMEOUT" "SRCS;DEPS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${target} ${ARG_SRCS})
  target_link_libraries(${target} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest GTest::gtest_main)
  _cronium_sanitize(${target})
  _cronium_unity(${target} "${ARG_SEPARATE}")
  # A third less to compile. What is tested is optimised as the preset says.
  target_compile_options(${target} PRIVATE -O0)
  set_property(GLOBAL APPEND PROPERTY CRONIUM_TEST_TARGETS ${target})
  # `unit_tests`, `e2e_tests`, ...: the test programs of one label, for a build that needs no more.
  foreach(label IN LISTS ARG_LABELS)
    if(NOT TARGET ${label}_tests)
      add_custom_target(${label}_tests)
    endif()
    add_dependencies(${label}_tests ${target})
  endforeach()
  gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS "${ARG_LABELS}"
                       TIMEOUT ${ARG_TIMEOUT})
endfunction()

function(_cronium_unity target separate)
  if(CRONIUM_UNITY AND NOT separate)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON)
    # A source that is included counts as a header for this warning.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

function(_cronium_sanitize target)
  if(CRONIUM_SANITIZE_OPTIONS)
    target_compile_options(${target} PRIVATE ${CRONIUM_SANITIZE_OPTIONS})
    target_link_options(${target} PRIVATE ${CRONIUM_SANITIZE_OPTIONS})
  endif()
endfunction()
