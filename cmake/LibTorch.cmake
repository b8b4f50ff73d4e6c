# LibTorch for the rooms that use it (PalsLibTorch.cmake finds it), with a precompiled header.
set(PALS_LIBTORCH "$ENV{PALS_LIBTORCH}" CACHE PATH "Folder that holds torch/lib and torch/include")
include(PalsLibTorch)
if(PALS_LIBTORCH_PROBLEM)
  message(FATAL_ERROR "${PALS_LIBTORCH_PROBLEM}")
endif()

# <ATen/ATen.h> is compiled once, here, and reused by every torch room.
file(WRITE "${CMAKE_BINARY_DIR}/torch_pch.cpp.in" "// Owner of the precompiled header.\n")
configure_file("${CMAKE_BINARY_DIR}/torch_pch.cpp.in" "${CMAKE_BINARY_DIR}/torch_pch.cpp" COPYONLY)
add_library(pals_torch_pch STATIC "${CMAKE_BINARY_DIR}/torch_pch.cpp")
target_link_libraries(pals_torch_pch PUBLIC pals::libtorch)
set_target_properties(pals_torch_pch PROPERTIES POSITION_INDEPENDENT_CODE OFF)
target_compile_options(pals_torch_pch PRIVATE -fPIC)
target_precompile_headers(pals_torch_pch PRIVATE <ATen/ATen.h> <ATen/Parallel.h>)

pals_test_headers(pals_torch_test_headers LIBS pals::libtorch HEADERS <ATen/ATen.h> <ATen/Parallel.h>)

# TARGET hands LibTorch on to its users, unless PRIVATE follows.
function(pals_use_torch target)
  set(scope PUBLIC)
  if(ARGN)
    set(scope ${ARGN})
  endif()
  # The header's flags must be the same in libraries and programs: -fPIC, not -fPIE.
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC)
  target_link_libraries(${target} ${scope} pals::libtorch)
  target_precompile_headers(${target} REUSE_FROM pals_torch_pch)
endfunction()
