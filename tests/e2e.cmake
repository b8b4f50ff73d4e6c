# The program from end to end, by Python's standard library alone.
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
foreach(part train errors predict features submit resume convert real_runs)
  add_test(NAME e2e_${part}
    COMMAND ${Python3_EXECUTABLE} -B -m unittest -v test_${part}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/e2e)
  set_tests_properties(e2e_${part} PROPERTIES
    LABELS slow TIMEOUT 600 ENVIRONMENT "PALS_BINARY=$<TARGET_FILE:pals>")
endforeach()
