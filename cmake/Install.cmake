# `cmake --install`: the program and its manual pages, the library's headers <pals/...>, the rooms as
# static libraries, and a CMake package, so that find_package(pals) gives pals::pals, which predicts, and
# pals::train (docs/library.md). The rooms are in the package as pals::room_ROOM, for its own use: their
# headers stay here.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/pals")

get_property(rooms GLOBAL PROPERTY PALS_ROOMS)
list(REMOVE_ITEM rooms check cli convert draft http measure serve)  # the program's alone
foreach(room IN LISTS rooms)
  set_target_properties(pals_${room} PROPERTIES EXPORT_NAME room_${room})
  install(TARGETS pals_${room} EXPORT palsTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endforeach()
set_target_properties(pals_api PROPERTIES EXPORT_NAME pals)
set_target_properties(pals_api_train PROPERTIES EXPORT_NAME train)
target_include_directories(pals_api INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/src/api/pals" "${PROJECT_SOURCE_DIR}/src/api_train/pals" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.h")
install(EXPORT palsTargets NAMESPACE pals:: DESTINATION "${package_dir}")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/palsConfig.cmake.in"
  "${CMAKE_BINARY_DIR}/palsConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/palsConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/palsConfig.cmake" "${CMAKE_BINARY_DIR}/palsConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/PalsLibTorch.cmake" "${PROJECT_SOURCE_DIR}/cmake/FindZstd.cmake" DESTINATION "${package_dir}")

set_target_properties(pals PROPERTIES INSTALL_RPATH "${PALS_LIBTORCH_RUNTIME}"
  BUILD_WITH_INSTALL_RPATH ON)
# What a user of the program alone builds and installs.
add_custom_target(program DEPENDS pals)
install(TARGETS pals RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT program)
install(CODE "set(PALS_PROGRAM \"$<TARGET_FILE:pals>\")
  set(PALS_MAN_FOLDER \"${CMAKE_BINARY_DIR}/man1\")
  set(PALS_MAN_TO \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATAROOTDIR}/man/man1\")"
  COMPONENT program)
install(SCRIPT "${PROJECT_SOURCE_DIR}/cmake/ManPages.cmake" COMPONENT program)

if(TARGET pals_cuda)
  set_target_properties(pals_cuda PROPERTIES INSTALL_RPATH "${PALS_LIBTORCH_RUNTIME}"
    BUILD_WITH_INSTALL_RPATH ON)
  add_dependencies(program pals_cuda)
  install(TARGETS pals_cuda LIBRARY DESTINATION lib COMPONENT program)  # where the program looks for it
endif()
