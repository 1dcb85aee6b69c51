# What the toolchain files of other processors share: a folder with links to the header-only
# libraries of this machine, and nothing else of it. /usr/include itself must never be on the
# include path of a cross compiler, it holds the host's own <bits/…>. Toolchain files that are not
# ours (the NDK's, CMake's for iOS) get it by -DCMAKE_PROJECT_INCLUDE.
if(CMAKE_TOOLCHAIN_FILE)  # to have it used: else CMake warns when it configures again
endif()
if(NOT DEFINED OKO_HOST_PREFIX)  # where this machine's packages lie
  set(OKO_HOST_PREFIX /usr)
endif()
get_property(oko_is_try_compile GLOBAL PROPERTY IN_TRY_COMPILE)
if(NOT oko_is_try_compile)
  set(oko_host ${CMAKE_BINARY_DIR}/host)
  file(MAKE_DIRECTORY ${oko_host}/include ${oko_host}/share/cmake)
  foreach(path include/hwy include/nlohmann share/cmake/nlohmann_json)
    if(NOT EXISTS ${OKO_HOST_PREFIX}/${path})
      message(FATAL_ERROR "${OKO_HOST_PREFIX}/${path} is missing (run scripts/setup.sh)")
    endif()
    file(CREATE_LINK ${OKO_HOST_PREFIX}/${path} ${oko_host}/${path} SYMBOLIC)
  endforeach()
  list(APPEND CMAKE_FIND_ROOT_PATH ${oko_host})
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
