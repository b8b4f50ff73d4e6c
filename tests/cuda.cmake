# The golden tests once more on the CUDA kernels, as the emulator runs them.
foreach(test golden_model_test golden_heads_test)
  target_sources(${test} PRIVATE emulated_blocks.cpp)
  target_link_libraries(${test} PRIVATE pals_cuda_emulator)
  add_test(NAME ${test}_cuda_emulated COMMAND ${test})
  set_tests_properties(${test}_cuda_emulated PROPERTIES LABELS golden
    ENVIRONMENT "PALS_TEST_BLOCKS=cuda_emulated")
endforeach()
