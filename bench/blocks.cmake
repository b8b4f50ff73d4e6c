# Speed of each fused block at BERT-base sizes: build/bench/blocks
find_package(benchmark QUIET)
if(NOT benchmark_FOUND)
  message(STATUS "No Google Benchmark found: bench/blocks is left out (libbenchmark-dev)")
  return()
endif()
add_executable(bench_blocks ${PROJECT_SOURCE_DIR}/bench/blocks.cpp)
set_target_properties(bench_blocks PROPERTIES OUTPUT_NAME blocks
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
target_link_libraries(bench_blocks PRIVATE pals_kernels benchmark::benchmark)
pals_use_torch(bench_blocks cold)
