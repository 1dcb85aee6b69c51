# cmake --install: the libraries, their headers, find_package(oko) and pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
get_property(libraries GLOBAL PROPERTY OKO_LIBRARIES)
install(TARGETS ${libraries} EXPORT oko_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY oko DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT oko_targets NAMESPACE oko:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/oko)
