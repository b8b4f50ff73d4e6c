# The documentation against the program (tests/docs_test.py).
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
add_test(NAME docs_test COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/docs_test.py)
set_tests_properties(docs_test PROPERTIES
  LABELS slow TIMEOUT 600 ENVIRONMENT "PALS_BINARY=$<TARGET_FILE:pals>")
