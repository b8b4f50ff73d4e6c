# `cmake --install`: the program with all that it needs, the library's headers <pals/...>, the rooms as
# static libraries, and a CMake package, so that find_package(pals) gives pals::pals, which predicts, and
# pals::train (docs/library.md). The rooms are in the package as pals::room_ROOM, for its own use: their
# headers stay here.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
include(InstallProgram)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/pals")

get_property(rooms GLOBAL PROPERTY PALS_ROOMS)
list(REMOVE_ITEM rooms check cli convert draft export http measure onnx serve)  # the program's alone
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

# The same package in the build's folder, for the Python package (python/CMakeLists.txt), and the libraries alone.
export(EXPORT palsTargets NAMESPACE pals:: FILE "${CMAKE_BINARY_DIR}/palsTargets.cmake")
configure_file("${PROJECT_SOURCE_DIR}/cmake/PalsLibTorch.cmake" "${CMAKE_BINARY_DIR}/PalsLibTorch.cmake" COPYONLY)
configure_file("${PROJECT_SOURCE_DIR}/cmake/FindZstd.cmake" "${CMAKE_BINARY_DIR}/FindZstd.cmake" COPYONLY)
add_custom_target(library DEPENDS pals_api pals_api_train)
foreach(module pals_cuda pals_mpi)
  if(TARGET ${module})
    add_dependencies(library ${module})
  endif()
endforeach()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/palsConfig.cmake.in"
  "${CMAKE_BINARY_DIR}/palsConfig.cmake" INSTALL_DESTINATION "${package_dir}"
  PATH_VARS PALS_LIBRARY_DIR)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/palsConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/palsConfig.cmake" "${CMAKE_BINARY_DIR}/palsConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/PalsLibTorch.cmake" "${PROJECT_SOURCE_DIR}/cmake/FindZstd.cmake" DESTINATION "${package_dir}")
