# Linux on 64-bit Arm with Debian's cross compiler; programs are run by qemu. The baseline is
# armv8-a: kernels for more (dot product, half floats) carry function attributes and are chosen at
# run time.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
set(OKO_ARM_EMULATOR qemu-aarch64 /usr/aarch64-linux-gnu)  # for tests that choose a processor
# Pages of iOS and of newer Android; 64 KiB, the default, leaves gaps in the file.
set(CMAKE_SHARED_LINKER_FLAGS_INIT -Wl,-z,max-page-size=16384)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
