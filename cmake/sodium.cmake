# libsodium, which opens sealed models, as the target oko_sodium: the distribution's, or compiled from
# the unpacked sources in OKO_SODIUM_SOURCE (scripts/libsodium.sh), which is the way for other
# processors. Sets OKO_HAS_SEAL.
option(OKO_SEAL "Open sealed models in the phone library; needs libsodium" ON)
set(OKO_SODIUM_SOURCE "" CACHE PATH "Unpacked sources of libsodium, to compile them in")
set(OKO_HAS_SEAL OFF)
if(NOT OKO_SEAL AND NOT OKO_DESKTOP)
  return()
endif()

# Its sources as the target oko_sodium_objects, as ./configure would set them up, but without the
# code for vector units: there is such code for x86 only, which is no phone's.
function(oko_compile_sodium source)
  set(sodium ${source}/src/libsodium)
  if(NOT EXISTS ${sodium}/include/sodium.h)
    message(FATAL_ERROR "OKO_SODIUM_SOURCE: ${source} has no src/libsodium"
      " (run scripts/libsodium.sh, or build without sealed models: -DOKO_SEAL=OFF)")
  endif()
  # Beside the other headers belongs one that ./configure makes.
  set(headers ${PROJECT_BINARY_DIR}/sodium)
  file(COPY ${sodium}/include/ DESTINATION ${headers} FILES_MATCHING PATTERN *.h)
  set(VERSION 1.0.18)
  set(SODIUM_LIBRARY_VERSION_MAJOR 10)
  set(SODIUM_LIBRARY_VERSION_MINOR 3)
  set(SODIUM_LIBRARY_MINIMAL_DEF "")
  configure_file(${sodium}/include/sodium/version.h.in ${headers}/sodium/version.h @ONLY)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${sodium}/*.c)
  if(EMSCRIPTEN)
    # Its own asks for random numbers by JavaScript that only runs in classic scripts.
    list(FILTER sources EXCLUDE REGEX /randombytes/)
    list(APPEND sources ${PROJECT_SOURCE_DIR}/cmake/wasm/randombytes.c)
  endif()
  include(CheckSymbolExists)
  check_symbol_exists(getrandom sys/random.h OKO_HAS_GETRANDOM)  # else it opens /dev/urandom
  add_library(oko_sodium_objects STATIC ${sources})
  target_include_directories(oko_sodium_objects SYSTEM PUBLIC ${headers} PRIVATE ${headers}/sodium)
  target_compile_definitions(oko_sodium_objects PUBLIC SODIUM_STATIC PRIVATE CONFIGURED=1
    NATIVE_LITTLE_ENDIAN=1 HAVE_PTHREAD=1 HAVE_WEAK_SYMBOLS=1
    $<$<EQUAL:${CMAKE_SIZEOF_VOID_P},8>:HAVE_TI_MODE=1>
    $<$<BOOL:${APPLE}>:HAVE_SAFE_ARC4RANDOM=1>)
  if(OKO_HAS_GETRANDOM)
    target_compile_definitions(oko_sodium_objects PRIVATE HAVE_SYS_RANDOM_H=1 HAVE_GETRANDOM=1
      HAVE_LINUX_COMPATIBLE_GETRANDOM=1)
  endif()
  target_compile_options(oko_sodium_objects PRIVATE -w -O2 -fvisibility=hidden
    -ffunction-sections -fdata-sections)
  target_link_libraries(oko_sodium_objects PRIVATE Threads::Threads)
endfunction()

add_library(oko_sodium INTERFACE)
if(OKO_SODIUM_SOURCE)
  oko_compile_sodium(${OKO_SODIUM_SOURCE})
  target_link_libraries(oko_sodium INTERFACE oko_sodium_objects)
  set(OKO_HAS_SEAL ON)
elseif(NOT CMAKE_CROSSCOMPILING)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(SODIUM QUIET IMPORTED_TARGET libsodium)
  endif()
  if(SODIUM_FOUND)
    target_link_libraries(oko_sodium INTERFACE PkgConfig::SODIUM)
    set(OKO_HAS_SEAL ON)
  endif()
endif()
if(NOT OKO_HAS_SEAL)
  if(OKO_DESKTOP)
    message(FATAL_ERROR "libsodium is missing (run scripts/setup.sh)")
  endif()
  message(STATUS "oko: without sealed models: there is no libsodium (see OKO_SODIUM_SOURCE)")
endif()
