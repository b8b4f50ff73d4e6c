# `cmake --install`: the program, the rooms as static libraries with their headers, and a CMake package,
# so that find_package(pals) gives pals::pals and the rooms as pals::ROOM (docs/library.md).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/pals")

get_property(rooms GLOBAL PROPERTY PALS_ROOMS)
list(REMOVE_ITEM rooms cli)  # the program's own
foreach(room IN LISTS rooms)
  set_target_properties(pals_${room} PROPERTIES EXPORT_NAME ${room})
  install(TARGETS pals_${room} EXPORT palsTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" "${CMAKE_INSTALL_INCLUDEDIR}/pals")
  # <pals/encoder.h> lies beside the rooms, whose headers include each other as "model/weights.h".
  set(folder "${CMAKE_INSTALL_INCLUDEDIR}/pals/${room}")
  if(room STREQUAL pals)
    set(folder "${CMAKE_INSTALL_INCLUDEDIR}/pals")
  endif()
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/src/${room}/" DESTINATION "${folder}" FILES_MATCHING
    PATTERN "*.h"
    REGEX "/([a-z_]*_)?test_[a-z_]*\\.h$" EXCLUDE           # what tests share
    REGEX "/nn/(isa|cuda|blocks_cpu.h|cpu_support.h)$" EXCLUDE)  # the kernels' own
endforeach()
install(EXPORT palsTargets NAMESPACE pals:: DESTINATION "${package_dir}")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/palsConfig.cmake.in"
  "${CMAKE_BINARY_DIR}/palsConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/palsConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/palsConfig.cmake" "${CMAKE_BINARY_DIR}/palsConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/PalsLibTorch.cmake" DESTINATION "${package_dir}")

set_target_properties(pals PROPERTIES INSTALL_RPATH "${PALS_LIBTORCH_RUNTIME}"
  BUILD_WITH_INSTALL_RPATH ON)
install(TARGETS pals RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")

if(TARGET pals_cuda)
  set_target_properties(pals_cuda PROPERTIES INSTALL_RPATH "${PALS_LIBTORCH_RUNTIME}"
    BUILD_WITH_INSTALL_RPATH ON)
  install(TARGETS pals_cuda LIBRARY DESTINATION lib)  # where the program looks for it
endif()
