# What every folder's CMakeLists.txt uses: settings, oko_library() and oko_test().

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(OKO_CCACHE ccache)
if(OKO_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${OKO_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${OKO_CCACHE})
endif()

add_library(oko_settings INTERFACE)
target_compile_options(oko_settings INTERFACE -Wall -Wextra -Wpedantic -Wshadow
  # GCC 12 sees overlaps in std::string + std::string that are not there (its bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(OKO_SANITIZE)
  add_compile_options(-fsanitize=${OKO_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${OKO_SANITIZE})
  # With sanitizers GCC sees uninitialized values that are not there, for example in <regex>.
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()

# Kernels are written once with Highway (headers only); oko/base/simd_targets.h says for what.
find_path(OKO_HWY_INCLUDE hwy/highway.h REQUIRED)
add_library(oko_simd INTERFACE)
target_include_directories(oko_simd SYSTEM INTERFACE ${OKO_HWY_INCLUDE})

if(ANDROID)  # pages of newer phones; NDKs before 28 would align to 4 KiB
  add_link_options(-Wl,-z,max-page-size=16384)
endif()

find_package(Threads REQUIRED)
if(OKO_TESTS)
  enable_testing()
  if(CMAKE_CROSSCOMPILING)
    # GoogleTest has to be of the target's kind: built from the distribution's sources.
    set(INSTALL_GTEST OFF CACHE BOOL "" FORCE)
    add_subdirectory(/usr/src/googletest ${PROJECT_BINARY_DIR}/googletest EXCLUDE_FROM_ALL SYSTEM)
  else()
    find_package(GTest REQUIRED)
  endif()
  include(GoogleTest)
endif()

# The folders that make up the phone library.
set(OKO_PHONE_FOLDERS base image graph detect track seal runtime)

# Not with sanitizers, which take minutes to compile optimised kernels. For -Os, which MinSizeRel has
# before it, Emscripten turns inlining off, and a later -O3 does not turn it on again.
set(OKO_OPTIMISE "")
if(NOT OKO_SANITIZE)
  set(OKO_OPTIMISE "$<$<NOT:$<CONFIG:Debug>>:-O3;-finline-functions>")
endif()

# oko_fast(a.cpp …): files whose loops are worth every optimisation, though the rest of the phone
# library is built for size (MinSizeRel).
function(oko_fast)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "${OKO_OPTIMISE}")
endfunction()

# oko_kernels(a.cpp …): files with kernels written with Highway. On 32-bit Arm they need flags that the
# rest of the library, which also runs on processors without NEON, must not have: simd.cpp asks the
# system whether the kernels may run. What they define is in namespaces of their own, so that no
# other file gets a copy of a function from them (tests/arm/highway.sh).
function(oko_kernels)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^arm" AND CMAKE_SIZEOF_VOID_P EQUAL 4)
    # Highway before 1.0.4 names the type __fp16, for which GCC wants a flag.
    set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS -mfpu=neon-vfpv4
      $<$<CXX_COMPILER_ID:GNU>:-mfp16-format=ieee>)
  endif()
endfunction()

# oko_library(graph SOURCES a.cpp … DEPENDS base … LIBRARIES fmt::fmt … PRIVATE_LIBRARIES …)
# makes the target oko_graph. DEPENDS are folders of ours.
function(oko_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
  add_library(oko_${name} STATIC ${ARG_SOURCES})
  target_include_directories(oko_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_features(oko_${name} PUBLIC cxx_std_20)
  if(name IN_LIST OKO_PHONE_FOLDERS)  # so that the linker can leave out what an app never calls
    target_compile_options(oko_${name} PRIVATE -ffunction-sections -fdata-sections)
  endif()
  list(TRANSFORM ARG_DEPENDS PREPEND oko_)
  target_link_libraries(oko_${name} PUBLIC ${ARG_DEPENDS} ${ARG_LIBRARIES}
    PRIVATE ${ARG_PRIVATE_LIBRARIES} oko_settings)
endfunction()

# oko_table(formats Format coreml onnx …) defines formats(), declared in formats/format.h: a table of
# what coreml_format(), onnx_format(), … return, in this order.
function(oko_table folder type)
  string(TOLOWER ${type} kind)
  set(declarations "")
  set(addresses "")
  foreach(name IN LISTS ARGN)
    string(APPEND declarations "const ${type}& ${name}_${kind}();\n")
    list(APPEND addresses "&${name}_${kind}()")
  endforeach()
  list(JOIN addresses ", " addresses)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/table.cpp.in ${kind}s.cpp @ONLY)
  target_sources(oko_${folder} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/${kind}s.cpp)
endfunction()

# oko_proto(formats onnx.proto) compiles a schema of this folder into the library. Sources include
# what comes of it by the schema's own path: "oko/formats/onnx/onnx.pb.h".
function(oko_proto library file)
  find_package(Protobuf REQUIRED)
  get_filename_component(name ${file} NAME_WE)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set(generated ${PROJECT_BINARY_DIR}/generated)
  set(base ${generated}/${folder}/${name}.pb)
  file(MAKE_DIRECTORY ${generated})
  add_custom_command(OUTPUT ${base}.cc ${base}.h
    COMMAND protobuf::protoc -I ${PROJECT_SOURCE_DIR} --cpp_out ${generated} ${folder}/${file}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} DEPENDS ${file} VERBATIM)
  add_library(oko_proto_${name} OBJECT ${base}.cc ${base}.h)
  target_include_directories(oko_proto_${name} SYSTEM PUBLIC ${generated})
  target_link_libraries(oko_proto_${name} PUBLIC protobuf::libprotobuf)
  target_compile_options(oko_proto_${name} PRIVATE -w)
  add_dependencies(oko_${library} oko_proto_${name})
  target_sources(oko_${library} PRIVATE $<TARGET_OBJECTS:oko_proto_${name}>)
  target_include_directories(oko_${library} SYSTEM PRIVATE ${generated})
  target_link_libraries(oko_${library} PRIVATE protobuf::libprotobuf)
endfunction()

# oko_test(graph SOURCES a_test.cpp … DEPENDS …) makes the program oko_graph_test from the tests
# beside the code. Tests find the reference data by the environment variable OKO_DATA, and write
# below the build folder, so two builds don't share files.
function(oko_test name)
  if(NOT OKO_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(TARGET oko_${name})
    list(PREPEND ARG_DEPENDS ${name})
  endif()
  list(TRANSFORM ARG_DEPENDS PREPEND oko_)
  add_executable(oko_${name}_test ${ARG_SOURCES})
  target_link_libraries(oko_${name}_test PRIVATE ${ARG_DEPENDS} ${ARG_LIBRARIES}
    oko_settings GTest::gmock GTest::gtest_main)
  if(CMAKE_BUILD_TYPE STREQUAL Release)  # a third less to build; what is tested has all of -O3
    target_compile_options(oko_${name}_test PRIVATE -O1)
  endif()
  add_test(NAME ${name} COMMAND oko_${name}_test)
  if(CMAKE_CROSSCOMPILING OR OKO_SANITIZE)  # an emulator runs it, or many checks
    math(EXPR ARG_TIMEOUT "12 * ${ARG_TIMEOUT}")
  endif()
  set(scratch ${PROJECT_BINARY_DIR}/Testing/scratch)
  file(MAKE_DIRECTORY ${scratch})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "OKO_DATA=${OKO_DATA};GTEST_COLOR=no;TEST_TMPDIR=${scratch}")
endfunction()

# oko_flatbuffer(formats x.fbs) compiles a schema of this folder for the library. Sources include
# what comes of it by the schema's own path: "oko/formats/tflite/x_generated.h". Headers only:
# nothing is linked.
function(oko_flatbuffer library file)
  find_program(OKO_FLATC flatc REQUIRED)
  find_path(OKO_FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h REQUIRED)
  get_filename_component(name ${file} NAME_WE)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set(generated ${PROJECT_BINARY_DIR}/generated)
  set(header ${generated}/${folder}/${name}_generated.h)
  add_custom_command(OUTPUT ${header}
    COMMAND ${OKO_FLATC} --cpp --scoped-enums --gen-object-api -o ${generated}/${folder}
      ${CMAKE_CURRENT_SOURCE_DIR}/${file}
    DEPENDS ${file} VERBATIM)
  add_custom_target(oko_flatbuffer_${name} DEPENDS ${header})
  add_dependencies(oko_${library} oko_flatbuffer_${name})
  target_include_directories(oko_${library} SYSTEM PRIVATE ${generated} ${OKO_FLATBUFFERS_INCLUDE})
endfunction()
