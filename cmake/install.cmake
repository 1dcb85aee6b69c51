# cmake --install: the libraries with their headers, find_package(oko) and pkg-config, in two parts:
# "phone" (liboko and the folders it is made of; no dependency but nlohmann-json and threads) and
# "desktop".
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(oko_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/oko)

get_property(oko_libraries GLOBAL PROPERTY OKO_LIBRARIES)
set(OKO_HAS_DESKTOP ${OKO_DESKTOP})
set(OKO_HAS_TRAIN OFF)
get_property(OKO_HAS_HEIF GLOBAL PROPERTY OKO_HAS_HEIF)
foreach(library IN LISTS oko_libraries)
  string(REPLACE "oko_" "" folder ${library})
  if(folder IN_LIST OKO_PHONE_FOLDERS)
    set(part phone)
  else()
    set(part desktop)
  endif()
  if(folder STREQUAL "train")
    set(OKO_HAS_TRAIN ON)
  endif()
  install(TARGETS ${library} EXPORT oko_${part}_targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${part})
  install(DIRECTORY oko/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/oko COMPONENT ${part}
    FILES_MATCHING PATTERN "*.h"
    PATTERN "test_*.h" EXCLUDE PATTERN "*_test.h" EXCLUDE PATTERN "opencv.h" EXCLUDE)
endforeach()

set_target_properties(oko_phone PROPERTIES EXPORT_NAME phone)
install(TARGETS oko_phone EXPORT oko_phone_targets COMPONENT phone)
install(DIRECTORY include/oko DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT phone)
install(EXPORT oko_phone_targets NAMESPACE oko:: DESTINATION ${oko_config_dir} COMPONENT phone)
if(OKO_DESKTOP)
  install(EXPORT oko_desktop_targets NAMESPACE oko:: DESTINATION ${oko_config_dir}
    COMPONENT desktop)
endif()

configure_package_config_file(cmake/oko-config.cmake.in ${PROJECT_BINARY_DIR}/oko-config.cmake
  INSTALL_DESTINATION ${oko_config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/oko-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/oko-config.cmake ${PROJECT_BINARY_DIR}/oko-config-version.cmake
  DESTINATION ${oko_config_dir} COMPONENT phone)

# The pkg-config file finds its prefix from where it lies, so that the tree can be moved.
file(RELATIVE_PATH OKO_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/oko.pc.in ${PROJECT_BINARY_DIR}/oko.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/oko.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT phone)

if(OKO_TESTS AND NOT OKO_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
  add_test(NAME install COMMAND ${CMAKE_COMMAND}
    -DBUILD=${PROJECT_BINARY_DIR} -DSOURCE=${PROJECT_SOURCE_DIR}/tests/install
    -DCOMPILER=${CMAKE_CXX_COMPILER} -DGENERATOR=${CMAKE_GENERATOR}
    -P ${PROJECT_SOURCE_DIR}/tests/install/install_test.cmake)
  set_tests_properties(install PROPERTIES TIMEOUT 300)
endif()

# The library as an app gets it. Sizes hold for MinSizeRel, which the phone's presets build.
if(OKO_TESTS AND CMAKE_BUILD_TYPE STREQUAL "MinSizeRel")
  set(library oko_phone)
  set(limit_kb 600)
  if(EMSCRIPTEN)
    set(library oko_web)
    set(limit_kb 400)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(limit_kb 400)
  endif()
  if(TARGET ${library})
    set(file $<TARGET_FILE:${library}>)
    if(EMSCRIPTEN)
      set(file $<TARGET_FILE_DIR:${library}>/$<TARGET_FILE_BASE_NAME:${library}>.wasm)
    endif()
    add_test(NAME library COMMAND ${CMAKE_COMMAND} -DLIBRARY=${file} -DLIMIT_KB=${limit_kb}
      -DBUILD=${PROJECT_BINARY_DIR} -DSTRIP=${CMAKE_STRIP} -DNM=${CMAKE_NM}
      -DREADELF=${CMAKE_READELF} -P ${PROJECT_SOURCE_DIR}/tests/library/library_test.cmake)
  endif()
endif()
