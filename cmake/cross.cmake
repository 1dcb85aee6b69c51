# What the toolchain files of other processors share: a folder with links to the header-only
# libraries of this machine, and nothing else of it. /usr/include itself must never be on the
# include path of a cross compiler, it holds the host's own <bits/…>. Toolchain files that are not
# ours (the NDK's, CMake's for iOS) get it by -DCMAKE_PROJECT_INCLUDE.
if(CMAKE_TOOLCHAIN_FILE)  # to have it used: else CMake warns when it configures again
endif()
if(NOT DEFINED OKO_HOST_PREFIX)  # from scripts/phone_libraries.sh, or this machine's packages
  get_filename_component(OKO_HOST_PREFIX ${CMAKE_CURRENT_LIST_DIR}/../build/phone-libraries
    ABSOLUTE)
  if(NOT EXISTS ${OKO_HOST_PREFIX}/include/nlohmann)
    set(OKO_HOST_PREFIX /usr)
  endif()
endif()
get_property(oko_is_try_compile GLOBAL PROPERTY IN_TRY_COMPILE)
if(NOT oko_is_try_compile)
  set(oko_host ${CMAKE_BINARY_DIR}/host)
  file(MAKE_DIRECTORY ${oko_host}/include)
  foreach(path include/hwy include/nlohmann)
    if(NOT EXISTS ${OKO_HOST_PREFIX}/${path})
      message(FATAL_ERROR "${OKO_HOST_PREFIX}/${path} is missing (run scripts/phone_libraries.sh)")
    endif()
    file(CREATE_LINK ${OKO_HOST_PREFIX}/${path} ${oko_host}/${path} SYMBOLIC)
  endforeach()
  list(APPEND CMAKE_FIND_ROOT_PATH ${oko_host})
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
