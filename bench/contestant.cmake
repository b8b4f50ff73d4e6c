# Our side, and the eager one, of bench/compare.py
add_executable(contestant contestant.cpp)
target_link_libraries(contestant PRIVATE pals_peer_batches pals_measure)
pals_use_torch(contestant cold)
