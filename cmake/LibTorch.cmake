# LibTorch 2.11 out of the `torch` wheel, as imported targets of our own: the wheel's TorchConfig.cmake
# stops without a CUDA toolkit. scripts/setup.sh puts the wheel where this file looks.
set(PALS_LIBTORCH "$ENV{PALS_LIBTORCH}" CACHE PATH "Folder that holds torch/lib and torch/include")
if(NOT PALS_LIBTORCH)
  if(DEFINED ENV{XDG_CACHE_HOME})
    set(pals_cache "$ENV{XDG_CACHE_HOME}/pals")
  else()
    set(pals_cache "$ENV{HOME}/.cache/pals")
  endif()
  set(PALS_LIBTORCH "${pals_cache}/deps/torch-2.11.0" CACHE PATH "" FORCE)
endif()
set(torch_root "${PALS_LIBTORCH}/torch")
if(NOT EXISTS "${torch_root}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch not found in ${PALS_LIBTORCH}: run scripts/setup.sh, or set PALS_LIBTORCH")
endif()

file(GLOB torch_gomp "${torch_root}/lib/libgomp*.so*")
set(torch_runtime_dirs "${torch_root}/lib;${PALS_LIBTORCH}/nvidia/cu13/lib")

add_library(pals_libtorch INTERFACE)
target_include_directories(pals_libtorch SYSTEM INTERFACE
  "${torch_root}/include" "${torch_root}/include/torch/csrc/api/include")
# at::parallel_for expands in our own code: it must run on the wheel's OpenMP runtime, the one pool.
target_compile_options(pals_libtorch INTERFACE -fopenmp)
target_link_libraries(pals_libtorch INTERFACE
  "${torch_root}/lib/libtorch_cpu.so" "${torch_root}/lib/libc10.so" ${torch_gomp})
target_link_options(pals_libtorch INTERFACE
  "LINKER:-rpath,${torch_root}/lib" "LINKER:-rpath,${PALS_LIBTORCH}/nvidia/cu13/lib"
  "LINKER:-rpath-link,${torch_root}/lib" "LINKER:-rpath-link,${PALS_LIBTORCH}/nvidia/cu13/lib"
  "LINKER:--disable-new-dtags")

# <ATen/ATen.h> is compiled once, here, and reused by every torch room.
file(WRITE "${CMAKE_BINARY_DIR}/torch_pch.cpp.in" "// Owner of the precompiled header.\n")
configure_file("${CMAKE_BINARY_DIR}/torch_pch.cpp.in" "${CMAKE_BINARY_DIR}/torch_pch.cpp" COPYONLY)
add_library(pals_torch_pch STATIC "${CMAKE_BINARY_DIR}/torch_pch.cpp")
target_link_libraries(pals_torch_pch PUBLIC pals_libtorch)
set_target_properties(pals_torch_pch PROPERTIES POSITION_INDEPENDENT_CODE OFF)
target_compile_options(pals_torch_pch PRIVATE -fPIC)
target_precompile_headers(pals_torch_pch PRIVATE <ATen/ATen.h> <ATen/Parallel.h>)

function(pals_use_torch target)
  # The header's flags must be the same in libraries and programs: -fPIC, not -fPIE.
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC)
  target_link_libraries(${target} PUBLIC pals_libtorch)
  target_precompile_headers(${target} REUSE_FROM pals_torch_pch)
endfunction()
