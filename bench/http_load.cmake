# The load generator of bench/serve.py: build/bench/http_load
find_package(CLI11 REQUIRED)
add_executable(http_load ${PROJECT_SOURCE_DIR}/bench/http_load.cpp)
target_link_libraries(http_load PRIVATE pals_http CLI11::CLI11 nlohmann_json::nlohmann_json)
