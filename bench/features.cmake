# Throughput of vectors of texts against the reference's way: build/bench/features
add_executable(bench_features ${PROJECT_SOURCE_DIR}/bench/features.cpp)
set_target_properties(bench_features PROPERTIES OUTPUT_NAME features)
target_link_libraries(bench_features PRIVATE pals_peer_batches pals_step_report pals_measure)
pals_use_torch(bench_features cold)
