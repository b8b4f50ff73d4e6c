# LibTorch as the imported target pals::libtorch, for the build and for the installed package. (The
# CMake package of the `torch` wheel stops without a CUDA toolkit.)
#
# It is looked for in PALS_LIBTORCH, then TORCH_ROOT (each a CMake or an environment variable, and
# then nowhere else), then CMAKE_PREFIX_PATH, then PALS_LIBTORCH_BUILT_WITH, then the folder that
# scripts/setup.sh fills. Sets PALS_LIBTORCH_ROOT, the folder of lib/ and include/, and
# PALS_LIBTORCH_RUNTIME, the folders of shared libraries; or PALS_LIBTORCH_PROBLEM.
set(PALS_LIBTORCH_VERSION 2.11)

# Sets OUT to the root of a LibTorch in FOLDER, of any of the layouts that it comes in, or to nothing;
# adds lines about other versions to OUT_others.
function(pals_libtorch_in folder out)
  set(${out} "" PARENT_SCOPE)
  set(others "${${out}_others}")
  # The wheel's folder of packages; the root itself; the prefix that Python's torch names.
  foreach(root "${folder}/torch" "${folder}" "${folder}/../..")
    set(header "${root}/include/torch/headeronly/version.h")
    if(EXISTS "${root}/lib/libtorch_cpu.so" AND EXISTS "${header}")
      file(STRINGS "${header}" lines REGEX "define TORCH_VERSION_(MAJOR|MINOR) ")
      string(REGEX MATCHALL "[0-9]+" version "${lines}")
      list(JOIN version "." version)
      get_filename_component(root "${root}" ABSOLUTE)
      if(version VERSION_EQUAL PALS_LIBTORCH_VERSION)
        set(${out} "${root}" PARENT_SCOPE)
        return()
      endif()
      string(APPEND others "\n  ${root} is version ${version}")
      set(${out}_others "${others}" PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

# Sets PALS_LIBTORCH_ROOT or PALS_LIBTORCH_PROBLEM.
function(pals_find_libtorch)
  set(found_others "")
  foreach(variable PALS_LIBTORCH TORCH_ROOT)
    set(folder "${${variable}}")
    if(NOT folder)
      set(folder "$ENV{${variable}}")
    endif()
    if(folder)
      pals_libtorch_in("${folder}" found)
      set(PALS_LIBTORCH_ROOT "${found}" PARENT_SCOPE)
      if(NOT found)
        set(PALS_LIBTORCH_PROBLEM
          "${variable} is ${folder}, which holds no LibTorch ${PALS_LIBTORCH_VERSION} (torch/lib and torch/include, or lib and include)${found_others}"
          PARENT_SCOPE)
      endif()
      return()
    endif()
  endforeach()

  string(REPLACE ":" ";" from_environment "$ENV{CMAKE_PREFIX_PATH}")
  set(cache "$ENV{XDG_CACHE_HOME}")
  if(NOT cache)
    set(cache "$ENV{HOME}/.cache")
  endif()
  set(folders ${CMAKE_PREFIX_PATH} ${from_environment} ${PALS_LIBTORCH_BUILT_WITH}
    "${cache}/pals/deps/torch-2.11.0")
  foreach(folder IN LISTS folders)
    pals_libtorch_in("${folder}" found)
    if(found)
      set(PALS_LIBTORCH_ROOT "${found}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  list(JOIN folders "\n  " searched)
  set(PALS_LIBTORCH_PROBLEM
    "LibTorch ${PALS_LIBTORCH_VERSION} not found: run scripts/setup.sh of PALs, or name its folder with -DTORCH_ROOT=FOLDER. Searched:\n  ${searched}${found_others}"
    PARENT_SCOPE)
endfunction()

unset(PALS_LIBTORCH_PROBLEM)
if(NOT TARGET pals::libtorch)
  pals_find_libtorch()
endif()
if(NOT TARGET pals::libtorch AND NOT PALS_LIBTORCH_PROBLEM)
  set(PALS_LIBTORCH_RUNTIME "${PALS_LIBTORCH_ROOT}/lib")
  get_filename_component(pals_cuda "${PALS_LIBTORCH_ROOT}/../nvidia/cu13/lib" ABSOLUTE)
  if(EXISTS "${pals_cuda}")
    list(APPEND PALS_LIBTORCH_RUNTIME "${pals_cuda}")
  endif()
  file(GLOB pals_gomp "${PALS_LIBTORCH_ROOT}/lib/libgomp*.so*")

  add_library(pals::libtorch INTERFACE IMPORTED)
  target_include_directories(pals::libtorch SYSTEM INTERFACE
    "${PALS_LIBTORCH_ROOT}/include" "${PALS_LIBTORCH_ROOT}/include/torch/csrc/api/include")
  # at::parallel_for expands in our own code: it must run on the wheel's OpenMP runtime, the one pool.
  target_compile_options(pals::libtorch INTERFACE -fopenmp)
  target_link_libraries(pals::libtorch INTERFACE
    "${PALS_LIBTORCH_ROOT}/lib/libtorch_cpu.so" "${PALS_LIBTORCH_ROOT}/lib/libc10.so" ${pals_gomp})
  foreach(folder IN LISTS PALS_LIBTORCH_RUNTIME)
    target_link_options(pals::libtorch INTERFACE "LINKER:-rpath-link,${folder}")
  endforeach()
  # As RPATH, not RUNPATH: it must hold for what the libraries load, too.
  target_link_options(pals::libtorch INTERFACE "LINKER:--disable-new-dtags")
endif()
