# cmake --install, in two parts: "phone" (the public headers of include/oko, liboko,
# find_package(oko) and pkg-config) and the programs, which oko/cli installs. The headers and
# libraries below oko/ are no API and stay here.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(oko_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/oko)

install(DIRECTORY include/oko DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT phone)
get_target_property(kind oko_phone TYPE)
if(kind STREQUAL SHARED_LIBRARY AND NOT ANDROID)  # there Gradle packs it
  set_target_properties(oko_phone PROPERTIES EXPORT_NAME phone)
  install(TARGETS oko_phone EXPORT oko_targets COMPONENT phone)
  install(EXPORT oko_targets NAMESPACE oko:: DESTINATION ${oko_config_dir} COMPONENT phone)

  # Compatible are versions whose liboko has the same SONAME: see oko.h.
  if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(compatibility SameMinorVersion)
  else()
    set(compatibility SameMajorVersion)
  endif()
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/oko-config-version.cmake
    COMPATIBILITY ${compatibility})
  configure_package_config_file(cmake/oko-config.cmake.in ${PROJECT_BINARY_DIR}/oko-config.cmake
    INSTALL_DESTINATION ${oko_config_dir})
  install(FILES ${PROJECT_BINARY_DIR}/oko-config.cmake
    ${PROJECT_BINARY_DIR}/oko-config-version.cmake
    DESTINATION ${oko_config_dir} COMPONENT phone)

  # The pkg-config file finds its prefix from where it lies, so that the tree can be moved.
  file(RELATIVE_PATH OKO_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  configure_file(cmake/oko.pc.in ${PROJECT_BINARY_DIR}/oko.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/oko.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT phone)
endif()

# The camera page, for `oko phone`, where scripts/build_web.sh has built it.
if(OKO_DESKTOP)
  install(DIRECTORY build/web/package/ DESTINATION share/oko/web COMPONENT page OPTIONAL)
endif()

if(OKO_TESTS AND NOT OKO_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
  add_test(NAME install COMMAND ${CMAKE_COMMAND}
    -DBUILD=${PROJECT_BINARY_DIR} -DSOURCE=${PROJECT_SOURCE_DIR}/tests/install
    -DC_COMPILER=${CMAKE_C_COMPILER} -DCXX_COMPILER=${CMAKE_CXX_COMPILER}
    -DGENERATOR=${CMAKE_GENERATOR} -DREADELF=${CMAKE_READELF} -DVERSION=${PROJECT_VERSION}
    -P ${PROJECT_SOURCE_DIR}/tests/install/install_test.cmake)
  set_tests_properties(install PROPERTIES TIMEOUT 300)
endif()

# The library as an app gets it. Sizes hold for MinSizeRel, which the phone's presets build.
if(OKO_TESTS AND CMAKE_BUILD_TYPE STREQUAL "MinSizeRel")
  set(library oko_phone)
  set(limit_kb 765)
  set(seal_kb 130)  # without libsodium, which is a library of its own
  if(EMSCRIPTEN)
    set(library oko_web)
    set(limit_kb 215)  # with threads, which take 10 more
    set(seal_kb 80)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(limit_kb 610)
    set(seal_kb 220)
  endif()
  if(OKO_HAS_SEAL)
    math(EXPR limit_kb "${limit_kb} + ${seal_kb}")
  endif()
  if(TARGET ${library})
    set(file $<TARGET_FILE:${library}>)
    if(EMSCRIPTEN)
      set(file $<TARGET_FILE_DIR:${library}>/$<TARGET_FILE_BASE_NAME:${library}>.wasm)
    endif()
    add_test(NAME library COMMAND ${CMAKE_COMMAND} -DLIBRARY=${file} -DLIMIT_KB=${limit_kb}
      -DSODIUM=${OKO_HAS_SEAL} -DBUILD=${PROJECT_BINARY_DIR} -DSTRIP=${CMAKE_STRIP} -DNM=${CMAKE_NM}
      -DREADELF=${CMAKE_READELF} -P ${PROJECT_SOURCE_DIR}/tests/library/library_test.cmake)
  endif()
endif()
