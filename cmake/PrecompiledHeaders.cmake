# Files take longer to read their headers and to be optimized than to run: what most include is compiled once
# for each way to compile, and only what spends its time in loops of its own is optimized in full.
#
#   (none)   in full, as CMAKE_BUILD_TYPE says
#   cold     at -O1: what runs once for a command, or hands the work on
#   test     at -O0, with GoogleTest: tests
find_package(nlohmann_json REQUIRED)

set(pals_flags_cold $<$<CONFIG:Release>:-O1>)
set(pals_flags_test $<$<CONFIG:Release>:-O0>)
set(pals_standard_headers <algorithm> <array> <cmath> <cstdint> <filesystem> <fstream> <functional> <map> <memory>
  <optional> <set> <span> <sstream> <string> <string_view> <unordered_map> <variant> <vector> <nlohmann/json.hpp>)

# pals_precompiled_headers(SORT LIBS target... HEADERS header...): for each way, a library pals_SORT_WAY that
# owns such a precompiled header of the standard headers and HEADERS.
function(pals_precompiled_headers sort)
  cmake_parse_arguments(PCH "" "" "LIBS;HEADERS" ${ARGN})
  foreach(way full cold test)
    set(target pals_headers_${sort}_${way})
    set(source "${CMAKE_BINARY_DIR}/${target}.cpp")
    file(WRITE "${source}.in" "// Owner of a precompiled header.\n")
    configure_file("${source}.in" "${source}" COPYONLY)
    add_library(${target} STATIC "${source}")
    target_link_libraries(${target} PUBLIC nlohmann_json::nlohmann_json ${PCH_LIBS})
    target_compile_features(${target} PUBLIC cxx_std_20)
    pals_header_flags(${target} ${way})
    set(headers ${PCH_HEADERS} ${pals_standard_headers})
    if(way STREQUAL test)
      target_link_libraries(${target} PUBLIC GTest::gtest)
      list(PREPEND headers <gtest/gtest.h>)
    endif()
    target_precompile_headers(${target} PRIVATE ${headers})
  endforeach()
endfunction()

# The flags of such a header and of who uses it must be the same: -fPIC, not -fPIE, in programs too.
function(pals_header_flags target way)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC ${pals_flags_${way}})
endfunction()

# pals_use_headers(TARGET plain|torch [cold|test])
function(pals_use_headers target sort)
  set(way full)
  if(ARGN)
    set(way ${ARGN})
  endif()
  pals_header_flags(${target} ${way})
  target_precompile_headers(${target} REUSE_FROM pals_headers_${sort}_${way})
endfunction()

pals_precompiled_headers(plain)
