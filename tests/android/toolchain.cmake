# What the NDK's toolchain file decides, for ndk_test.sh where there is no NDK: CMake's own handling
# of NDKs is off, everything is searched in the NDK and its sysroot only, compilers get Android's
# triple. OKO_IMITATION is the folder that ndk_test.sh made.
set(CMAKE_SYSTEM_VERSION 1)
set(CMAKE_SYSTEM_NAME Android)
set(ANDROID TRUE)
set(CMAKE_ANDROID_ARCH_ABI ${ANDROID_ABI})
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ANDROID_ABI OKO_IMITATION)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)  # there is nothing to link programs with
list(APPEND CMAKE_FIND_ROOT_PATH ${OKO_IMITATION})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
if(ANDROID_ABI STREQUAL "arm64-v8a")
  set(CMAKE_SYSTEM_PROCESSOR aarch64)
  set(triple aarch64-none-linux-android24)
elseif(ANDROID_ABI STREQUAL "armeabi-v7a")
  set(CMAKE_SYSTEM_PROCESSOR armv7-a)
  set(triple armv7-none-linux-androideabi24)
  set(flags "-march=armv7-a -mthumb")
else()
  set(CMAKE_SYSTEM_PROCESSOR x86_64)
  set(triple x86_64-none-linux-android24)
endif()
set(CMAKE_SYSROOT ${OKO_IMITATION}/sysroot-${ANDROID_ABI})
set(CMAKE_C_COMPILER clang)
set(CMAKE_CXX_COMPILER clang++)
set(CMAKE_C_COMPILER_TARGET ${triple})
set(CMAKE_CXX_COMPILER_TARGET ${triple})
set(CMAKE_C_FLAGS_INIT "-DANDROID -fdata-sections -ffunction-sections -funwind-tables \
-fstack-protector-strong -no-canonical-prefixes -D_FORTIFY_SOURCE=2 -Wformat \
-Werror=format-security ${flags}")
file(READ ${CMAKE_SYSROOT}/cxxflags cxxflags)
string(STRIP "${cxxflags}" cxxflags)
set(CMAKE_CXX_FLAGS_INIT "${CMAKE_C_FLAGS_INIT} ${cxxflags}")
# The libraries' own symbols and layout can be looked at; what they need of the system is open.
set(CMAKE_SHARED_LINKER_FLAGS_INIT
  "-fuse-ld=lld -nostdlib -Wl,--build-id=sha1 -Wl,--no-rosegment -Wl,--fatal-warnings")
set(CMAKE_C_STANDARD_LIBRARIES "")
set(CMAKE_CXX_STANDARD_LIBRARIES "")
