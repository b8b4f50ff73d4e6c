# The golden tests once more on the CUDA kernels, as the emulator runs them; and the library for GPUs.
foreach(test golden_model_test golden_heads_test)
  target_sources(${test} PRIVATE emulated_blocks.cpp)
  target_link_libraries(${test} PRIVATE pals_cuda_emulator)
  add_test(NAME ${test}_cuda_emulated COMMAND ${test})
  set_tests_properties(${test}_cuda_emulated PROPERTIES LABELS golden
    ENVIRONMENT "PALS_TEST_BLOCKS=cuda_emulated")
endforeach()

if(TARGET pals_cuda)
  add_test(NAME cuda_library_symbols COMMAND ${Python3_EXECUTABLE} -B
    ${CMAKE_CURRENT_SOURCE_DIR}/cuda_library_test.py $<TARGET_FILE:pals_cuda>
    ${PALS_LIBTORCH_ROOT}/lib/libtorch_cuda.so ${PALS_LIBTORCH_ROOT}/lib/libc10_cuda.so
    ${PALS_LIBTORCH_ROOT}/lib/libtorch_cpu.so ${PALS_LIBTORCH_ROOT}/lib/libc10.so ${PALS_CUDART})
  add_executable(load_cuda_library load_cuda_library.cpp)
  target_include_directories(load_cuda_library PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(load_cuda_library PRIVATE ${CMAKE_DL_LIBS})
  pals_use_torch(load_cuda_library)
  add_test(NAME cuda_library_loads COMMAND load_cuda_library $<TARGET_FILE:pals_cuda>)
  set_tests_properties(cuda_library_symbols cuda_library_loads PROPERTIES LABELS unit)
  set_tests_properties(cuda_library_loads PROPERTIES SKIP_RETURN_CODE 77)
endif()
