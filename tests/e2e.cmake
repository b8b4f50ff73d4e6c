# The program from end to end, by Python's standard library alone.
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
foreach(part open hub foreign train terminal adapters data check plan scaling span errors predict predict_answers pipelines features submit resume
        identity model_identity added_tasks bounds convert export real_runs recipes bench bench_serve
        earlier outputs serve serve_proxy label_kinds reports transfer teachers)
  add_test(NAME e2e_${part}
    COMMAND ${Python3_EXECUTABLE} -B -m unittest -v test_${part}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/e2e)
  set_tests_properties(e2e_${part} PROPERTIES
    LABELS slow TIMEOUT 600 ENVIRONMENT "PALS_BINARY=$<TARGET_FILE:pals>")
endforeach()

# Files that fail, preloaded; damaged files of every format. With PALS_FULL, as scripts/test.sh --full sets
# it, all of the one and an hour of the other.
add_library(pals_failing_files MODULE failing_files.cpp)
target_link_libraries(pals_failing_files PRIVATE ${CMAKE_DL_LIBS})
add_executable(mutate_folders mutate_folders.cpp)
target_link_libraries(mutate_folders PRIVATE pals_train pals_predict)
pals_use_torch(mutate_folders)
foreach(part faults mutations)
  add_test(NAME e2e_${part}
    COMMAND ${Python3_EXECUTABLE} -B -m unittest -v test_${part}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/e2e)
  set_tests_properties(e2e_${part} PROPERTIES LABELS slow TIMEOUT 7200 ENVIRONMENT
    "PALS_BINARY=$<TARGET_FILE:pals>;PALS_FAILING_FILES=$<TARGET_FILE:pals_failing_files>;PALS_MUTATE_FOLDERS=$<TARGET_FILE:mutate_folders>")
endforeach()

# Many ranks, each class of tests by itself: every run starts several programs.
foreach(class distributed.EqualResults distributed.Launchers distributed.Refusals rank_ends.Ends)
  string(REPLACE "." "_" name ${class})
  add_test(NAME e2e_${name}
    COMMAND ${Python3_EXECUTABLE} -B -m unittest -v test_${class}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/e2e)
  set_tests_properties(e2e_${name} PROPERTIES
    LABELS slow TIMEOUT 1200 ENVIRONMENT "PALS_BINARY=$<TARGET_FILE:pals>")
endforeach()

# Ranks on GPUs, which a library simulates.
add_test(NAME e2e_gpu_ranks
  COMMAND ${Python3_EXECUTABLE} -B -m unittest -v test_gpu_ranks
  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/e2e)
set_tests_properties(e2e_gpu_ranks PROPERTIES LABELS slow TIMEOUT 600
  ENVIRONMENT "PALS_BINARY=$<TARGET_FILE:pals>;PALS_SIMULATED=$<TARGET_FILE:pals_simulated>")

# The package that `cmake --install` makes, and the programs of examples/ against it.
add_test(NAME e2e_library
  COMMAND ${Python3_EXECUTABLE} -B -m unittest -v test_library
  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/e2e)
set_tests_properties(e2e_library PROPERTIES LABELS slow TIMEOUT 1200 ENVIRONMENT
  "PALS_BINARY=$<TARGET_FILE:pals>;PALS_BUILD=${CMAKE_BINARY_DIR};CMAKE=${CMAKE_COMMAND};CXX=${CMAKE_CXX_COMPILER}")

# What compares two builds sees each difference that is made for it; the two builds are this one.
add_test(NAME compare_builds
  COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/compare_builds.py
    ${CMAKE_BINARY_DIR} ${CMAKE_BINARY_DIR} --quick --self-test --only "train --adapter pals, fp32")
set_tests_properties(compare_builds PROPERTIES LABELS slow TIMEOUT 600)
