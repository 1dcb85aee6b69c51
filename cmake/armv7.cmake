# Linux on 32-bit Arm with Debian's cross compiler; programs are run by qemu. The baseline is
# Debian's, which is older than NEON; only kernels are compiled with it (oko_kernels() in oko.cmake).
# Android's armeabi-v7a is the same with the NDK's own toolchain file.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv7-a)
set(CMAKE_C_COMPILER arm-linux-gnueabihf-gcc)
set(CMAKE_CXX_COMPILER arm-linux-gnueabihf-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-arm -L /usr/arm-linux-gnueabihf)
set(OKO_ARM_EMULATOR qemu-arm /usr/arm-linux-gnueabihf)  # for tests that choose a processor
set(CMAKE_FIND_ROOT_PATH /usr/arm-linux-gnueabihf)
# Types of 64 bits are passed in other registers since GCC 7.1, says a note at every call.
set(CMAKE_CXX_FLAGS_INIT -Wno-psabi)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
