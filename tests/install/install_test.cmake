# Installs the phone library into a folder of its own and builds a program against it, once with
# find_package(oko) and once with pkg-config; both must run.
set(work ${BUILD}/install_test)
file(REMOVE_RECURSE ${work})

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE output
    ERROR_VARIABLE output OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGV}\nended with ${code}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

function(expect_answer program)
  run(${program})
  if(NOT output STREQUAL "8720134 parameters")
    message(FATAL_ERROR "${program} printed: ${output}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --component phone --prefix ${work}/prefix)

run(${CMAKE_COMMAND} -S ${SOURCE} -B ${work}/cmake -G ${GENERATOR}
  -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_PREFIX_PATH=${work}/prefix)
run(${CMAKE_COMMAND} --build ${work}/cmake)
expect_answer(${work}/cmake/consumer)

# Moved elsewhere it must still work.
file(RENAME ${work}/prefix ${work}/moved)
file(GLOB_RECURSE pc ${work}/moved/oko.pc)
get_filename_component(pc_folder ${pc} DIRECTORY)
find_program(PKG_CONFIG pkg-config REQUIRED)
run(${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${pc_folder}
  ${PKG_CONFIG} --cflags --libs --static oko)
separate_arguments(flags UNIX_COMMAND "${output}")
run(${COMPILER} -std=c++20 ${SOURCE}/main.cpp ${flags} -o ${work}/consumer)
expect_answer(${work}/consumer)
file(REMOVE_RECURSE ${work})
