# Run at install: the manual pages, as the program writes them.
#   PALS_PROGRAM      the program
#   PALS_MAN_FOLDER   a folder of the build for the pages
#   PALS_MAN_TO       where they are installed
# A program that does not run here, of another machine, is installed without them.
function(pals_write_page name)
  execute_process(COMMAND "${PALS_PROGRAM}" man ${ARGN} OUTPUT_FILE "${PALS_MAN_FOLDER}/${name}.1"
    RESULT_VARIABLE status ERROR_QUIET)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "`pals man ${ARGN}` ended with ${status}")
  endif()
endfunction()

execute_process(COMMAND "${PALS_PROGRAM}" --help OUTPUT_VARIABLE help RESULT_VARIABLE status ERROR_QUIET)
if(NOT status EQUAL 0)
  message(WARNING "${PALS_PROGRAM} does not run here (${status}): no manual pages")
  return()
endif()
file(REMOVE_RECURSE "${PALS_MAN_FOLDER}")
file(MAKE_DIRECTORY "${PALS_MAN_FOLDER}")
pals_write_page(pals)
string(REGEX REPLACE ".*Subcommands:" "" commands "${help}")
string(REGEX MATCHALL "\n  [a-z][a-z-]*" commands "${commands}")
foreach(command IN LISTS commands)
  string(STRIP "${command}" command)
  pals_write_page(pals-${command} ${command})
endforeach()
file(GLOB pages "${PALS_MAN_FOLDER}/*.1")
file(INSTALL ${pages} DESTINATION "${PALS_MAN_TO}")
