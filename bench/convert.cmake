# Input of bench/convert.py.
add_executable(make_checkpoint make_checkpoint.cpp)
target_link_libraries(make_checkpoint PRIVATE pals_checkpoint)
