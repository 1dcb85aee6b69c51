# Writes the source of the library that stands in a bundle for those that may be absent
# (oko/package/needed.h): it defines what oko imports from them.
#   cmake -DNM=nm -DFILE=oko-commands -DOUT=stand_in.c -P stand_in.cmake
set(families "5armnn|17armnnTfLiteParser|VideoCapture|VideoWriter|16videoio_registry|2cv3dnn")
set(symbols "")
execute_process(COMMAND ${NM} -D --undefined-only --format=posix ${FILE} OUTPUT_VARIABLE lines
  COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${lines}")
foreach(line IN LISTS lines)
  if(line MATCHES "^([A-Za-z0-9_]+) U" AND CMAKE_MATCH_1 MATCHES "^(_Z.*)?(${families})")
    string(REGEX REPLACE " .*" "" symbol "${line}")
    list(APPEND symbols ${symbol})
  endif()
endforeach()
list(REMOVE_DUPLICATES symbols)
list(SORT symbols)

set(text "/* Made by stand_in.cmake. */\n#include \"${HEADER}\"\n")
set(number 0)
foreach(symbol IN LISTS symbols)
  math(EXPR number "${number} + 1")
  if(symbol MATCHES "^_ZT")
    set(macro DATA)
  else()
    set(macro FUNCTION)
  endif()
  string(APPEND text "${macro}(${number}, \"${symbol}\")\n")
endforeach()
file(WRITE ${OUT} "${text}")
