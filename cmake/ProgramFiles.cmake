# Run at install: LibTorch's shared libraries beside the program, and what is made for this place.
#   PALS_PROGRAM           the program, where it was built
#   PALS_SOURCE            the sources' folder
#   PALS_LIBTORCH_RUNTIME  LibTorch's folders of shared libraries
#   PALS_TO, PALS_LIBRARY_DIR, PALS_SHARE  the prefix; below it, the folders of libraries and of shared data
#   PALS_WORK              a folder of the build for what is made
cmake_policy(VERSION 3.25)
file(REMOVE_RECURSE "${PALS_WORK}")
file(MAKE_DIRECTORY "${PALS_WORK}/man1")

# Those of LibTorch that the program is linked with, and what these need. The system's stay the system's.
function(pals_install_libtorch)
  file(GET_RUNTIME_DEPENDENCIES EXECUTABLES "${PALS_PROGRAM}" RESOLVED_DEPENDENCIES_VAR libraries
    UNRESOLVED_DEPENDENCIES_VAR missing)
  if(missing)
    message(FATAL_ERROR "${PALS_PROGRAM} needs what is not there: ${missing}")
  endif()
  foreach(library IN LISTS libraries)
    get_filename_component(library "${library}" ABSOLUTE)  # LibTorch's own paths have .. in them
    get_filename_component(folder "${library}" DIRECTORY)
    if(folder IN_LIST PALS_LIBTORCH_RUNTIME)
      file(INSTALL "${library}" DESTINATION "${PALS_TO}/${PALS_LIBRARY_DIR}" FOLLOW_SYMLINK_CHAIN)
    endif()
  endforeach()
endfunction()

# pals_write(FILE ARGUMENT...): what the program prints.
function(pals_write file)
  execute_process(COMMAND "${PALS_PROGRAM}" ${ARGN} OUTPUT_FILE "${PALS_WORK}/${file}"
    RESULT_VARIABLE status ERROR_QUIET)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "`pals ${ARGN}` ended with ${status}")
  endif()
endfunction()

# Manual pages, and bash's completion. A program that does not run here, of another machine, is installed without.
function(pals_install_pages)
  execute_process(COMMAND "${PALS_PROGRAM}" --help OUTPUT_VARIABLE help RESULT_VARIABLE status ERROR_QUIET)
  if(NOT status EQUAL 0)
    message(WARNING "${PALS_PROGRAM} does not run here (${status}): no manual pages, no completion")
    return()
  endif()
  pals_write(man1/pals.1 man)
  string(REGEX REPLACE ".*Subcommands:" "" commands "${help}")
  string(REGEX MATCHALL "\n  [a-z][a-z-]*" commands "${commands}")
  foreach(command IN LISTS commands)
    string(STRIP "${command}" command)
    pals_write(man1/pals-${command}.1 man ${command})
  endforeach()
  pals_write(pals completion bash)
  file(GLOB pages "${PALS_WORK}/man1/*.1")
  file(INSTALL ${pages} DESTINATION "${PALS_TO}/${PALS_SHARE}/man/man1")
  file(INSTALL "${PALS_WORK}/pals" DESTINATION "${PALS_TO}/${PALS_SHARE}/bash-completion/completions")
endfunction()

# systemd's unit, which names the program's place.
function(pals_install_unit)
  file(READ "${PALS_SOURCE}/packaging/pals.service" unit)
  string(REPLACE "/usr/local/bin/pals" "${PALS_TO}/bin/pals" unit "${unit}")
  file(WRITE "${PALS_WORK}/pals.service" "${unit}")
  file(INSTALL "${PALS_WORK}/pals.service" DESTINATION "${PALS_TO}/lib/systemd/system")
endfunction()

pals_install_libtorch()
pals_install_pages()
pals_install_unit()
