# LibTorch for the rooms that use it (PalsLibTorch.cmake finds it).
set(PALS_LIBTORCH "$ENV{PALS_LIBTORCH}" CACHE PATH "Folder that holds torch/lib and torch/include")
include(PalsLibTorch)
if(PALS_LIBTORCH_PROBLEM)
  message(FATAL_ERROR "${PALS_LIBTORCH_PROBLEM}")
endif()

# What is run where it was built finds LibTorch by these; what is installed has its own (Install.cmake).
list(APPEND CMAKE_BUILD_RPATH ${PALS_LIBTORCH_RUNTIME})
if(PALS_REPRODUCIBLE)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-fmacro-prefix-map=${PALS_LIBTORCH_ROOT}/include/=>")
endif()

pals_precompiled_headers(torch LIBS pals::libtorch HEADERS <ATen/ATen.h> <ATen/Parallel.h>)

# pals_use_torch(TARGET [cold|test]): TARGET uses LibTorch, and hands it on to its users.
# pals_use_torch(TARGET PRIVATE [cold|test]): and does not.
function(pals_use_torch target)
  set(scope PUBLIC)
  if("PRIVATE" IN_LIST ARGN)
    set(scope PRIVATE)
    list(REMOVE_ITEM ARGN PRIVATE)
  endif()
  target_link_libraries(${target} ${scope} pals::libtorch)
  pals_use_headers(${target} torch ${ARGN})
endfunction()
