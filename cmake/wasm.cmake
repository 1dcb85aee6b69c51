# WebAssembly with SIMD by Emscripten; programs are run by node. With OKO_WASM_THREADS they use
# threads, which a page may do only where it is isolated (COOP and COEP headers).
option(OKO_WASM_THREADS "Build for WebAssembly with threads")
include(/usr/share/emscripten/cmake/Modules/Platform/Emscripten.cmake)

# Every browser with SIMD (Safari 16.4, the last to have it) has WebAssembly's own exceptions too.
set(oko_wasm_flags "-msimd128 -fwasm-exceptions -isystem ${CMAKE_CURRENT_LIST_DIR}/wasm")
if(OKO_WASM_THREADS)
  # Without -fPIC code of LLVM 14 misses a typed catch: it looks for the exception's record, which
  # is thread-local, in the wrong place.
  string(APPEND oko_wasm_flags " -pthread -fPIC")
endif()
set(CMAKE_C_FLAGS_INIT "${oko_wasm_flags}")
set(CMAKE_CXX_FLAGS_INIT "${oko_wasm_flags}")

# Programs (tests, chiefly) see the machine's files and may use all the memory that wasm32 has.
set(oko_wasm_link "--pre-js ${CMAKE_CURRENT_LIST_DIR}/wasm/environment.js -sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sMAXIMUM_MEMORY=4GB -sEXIT_RUNTIME=1")
if(OKO_WASM_THREADS)
  # main() gets a thread of its own, so that it may wait for the threads it starts.
  string(APPEND oko_wasm_link " -sPROXY_TO_PTHREAD=1 -Wno-pthreads-mem-growth")
endif()
set(CMAKE_EXE_LINKER_FLAGS_INIT "${oko_wasm_link}")

# The linker runs scripts that need the distribution's node modules.
set(CMAKE_C_LINKER_LAUNCHER env NODE_PATH=/usr/share/nodejs)
set(CMAKE_CXX_LINKER_LAUNCHER ${CMAKE_C_LINKER_LAUNCHER})
# This Emscripten's loader takes a node that has fetch() for a browser.
set(CMAKE_CROSSCOMPILING_EMULATOR node --no-experimental-fetch)

list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES OKO_WASM_THREADS)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
