# Tests take longer to compile than to run: what they include most is compiled once, with LibTorch and
# without, and the optimizer leaves them alone.
find_package(nlohmann_json REQUIRED)

# pals_test_headers(TARGET [LIBS target...] [HEADERS header...]): a library that owns such a precompiled header, of <gtest/gtest.h>,
# <nlohmann/json.hpp> and HEADERS.
function(pals_test_headers target)
  cmake_parse_arguments(PCH "" "" "LIBS;HEADERS" ${ARGN})
  set(source "${CMAKE_BINARY_DIR}/${target}.cpp")
  file(WRITE "${source}.in" "// Owner of a precompiled header.\n")
  configure_file("${source}.in" "${source}" COPYONLY)
  add_library(${target} STATIC "${source}")
  target_link_libraries(${target} PUBLIC GTest::gtest nlohmann_json::nlohmann_json ${PCH_LIBS})
  target_compile_features(${target} PUBLIC cxx_std_20)
  pals_test_flags(${target})
  target_precompile_headers(${target} PRIVATE ${PCH_HEADERS} <gtest/gtest.h> <nlohmann/json.hpp>)
endfunction()

# The flags of such a header and of who uses it must be the same: -fPIC, not -fPIE.
function(pals_test_flags target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC $<$<CONFIG:Release>:-O0>)
endfunction()

# Makes a test of a room, which uses LibTorch if TORCH is true, quick to compile.
function(pals_compile_test target torch)
  pals_test_flags(${target})
  if(torch)
    target_link_libraries(${target} PRIVATE pals::libtorch)
    target_precompile_headers(${target} REUSE_FROM pals_torch_test_headers)
  else()
    target_precompile_headers(${target} REUSE_FROM pals_plain_test_headers)
  endif()
endfunction()

pals_test_headers(pals_plain_test_headers)
