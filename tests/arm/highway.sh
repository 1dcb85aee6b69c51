#!/usr/bin/env bash
# Compiles all kernels with every version of Highway at hand, for x86-64 and for 64-bit and 32-bit Arm,
# with every compiler at hand. Fails where one does not compile, where a kernel would silently be plain
# C++, and where a file with flags of its own defines a function that other files could get.
#   highway.sh REPOSITORY [FOLDER…]    folders that hold hwy/highway.h; of one alone there is nothing
#                                      to compare, and the test counts as skipped
set -euo pipefail
cd "$1"
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "failed: $*" >&2; exit 1; }

version_of() {  # of the Highway in a folder: 1.2.0
  local header=$1/hwy/highway.h
  [[ -f $1/hwy/base.h ]] && grep -q 'define HWY_MAJOR' "$1/hwy/base.h" && header=$1/hwy/base.h
  sed -n 's/^#define HWY_\(MAJOR\|MINOR\|PATCH\) \([0-9]*\).*/\2/p' "$header" | paste -sd.
}
declare -A folders=()
for folder in "$@"; do
  [[ -f $folder/hwy/highway.h ]] || continue
  version=$(version_of "$folder")
  # Alone, since /usr/include cannot come before the compiler's own folders.
  mkdir -p "$work/$version"
  ln -sfn "$(realpath "$folder")/hwy" "$work/$version/hwy"
  folders[$version]=$work/$version
done
if ((${#folders[@]} < 2)); then
  echo "skipped: only Highway ${!folders[*]} is here (scripts/highway.sh gets others)"
  exit 77
fi

kernels=(oko/image/row_kernels.cpp oko/runtime/checksum_kernel.cpp oko/runtime/kernels.cpp
  oko/runtime/kernels8.cpp oko/dataset/warp_kernels.cpp oko/train/convolution_kernels.cpp)
cache=$(command -v ccache || true)  # most is the same as in the last run
flags=(-std=c++20 -O1 -Wall -Wextra -Wpedantic -Wshadow -Werror -ffunction-sections -I. -Iinclude)

# Debian's cross compilers bring the headers that clang takes for the same processor.
headers_of() {
  local root=/usr/$1
  local library
  library=$(echo "$root"/include/c++/*)
  echo "-isystem $library -isystem $library/$1 -isystem $root/include"
}
arm64=aarch64-linux-gnu
armv7=arm-linux-gnueabihf
armv7_flags="-mfpu=neon-vfpv4"  # as oko_kernels() in cmake/oko.cmake
tries=("g++|sse4 avx2" "clang++|sse4 avx2")
if command -v $arm64-g++ > /dev/null; then
  tries+=("$arm64-g++|neon" "$arm64-g++ -march=armv9-a|neon"
    "clang++ --target=$arm64 $(headers_of $arm64)|neon")
else
  echo "skipped: 64-bit Arm ($arm64-g++ is missing)"
fi
if command -v $armv7-g++ > /dev/null; then
  tries+=("$armv7-g++ $armv7_flags -mfp16-format=ieee|neon"
    "clang++ --target=armv7a-linux-gnueabihf $armv7_flags $(headers_of $armv7)|neon")
else
  echo "skipped: 32-bit Arm ($armv7-g++ is missing)"
fi

# What a target's namespace is called, whatever Highway's version.
declare -A namespaces=([sse4]=N_SSE4 [avx2]=N_AVX2 [neon]='N_NEON\w*')
compiled=0
for version in "${!folders[@]}"; do
  for try in "${tries[@]}"; do
    read -ra compiler <<< "${try%|*}"
    command -v "${compiler[0]}" > /dev/null || { echo "skipped: ${compiler[0]} is missing"; continue; }
    for file in "${kernels[@]}"; do
      what="$file with Highway $version by ${compiler[*]:0:2}"
      $cache "${compiler[@]}" "${flags[@]}" -isystem "${folders[$version]}" -c "$file" -o "$work/o" ||
        fail "$what does not compile"
      nm -C "$work/o" > "$work/names"
      for target in ${try#*|}; do
        # Int8 has no SSE4: it is plain C++ there by choice.
        [[ $target == sse4 && $file == *8.cpp ]] && continue
        grep -qE " [Tt] .*${namespaces[$target]}::" "$work/names" || fail "$what has no $target code"
      done
      # A weak function outside the targets' namespaces may be the one that the linker keeps for all.
      if grep -E ' W ' "$work/names" | grep -vE 'N_(NEON|SSE4|AVX)\w*::' > "$work/shared"; then
        [[ $what != *"$armv7"* && $what != *armv7a* ]] ||
          fail "$what: compiled for NEON and shared with other files:"$'\n'"$(cat "$work/shared")"
      fi
      compiled=$((compiled + 1))
    done
  done
done
echo "compiled $compiled files, with Highway $(printf '%s\n' "${!folders[@]}" | sort -V | paste -sd' ')"
