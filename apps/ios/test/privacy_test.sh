#!/bin/sh
# privacy_test.sh NM LIBOKO SOURCE: compares the privacy manifest with what the engine and the Swift
# sources call of Apple's required-reason APIs. LIBOKO is the shared library. libsodium, a library
# of its own here, is compiled in on Apple's systems, and not looked at.
set -eu
nm=$1 library=$2 source=$3
manifest=$source/apps/ios/Sources/Oko/PrivacyInfo.xcprivacy
fail() {
  echo "privacy_test: $*" >&2
  exit 1
}

# Apple's list, by category: functions of C, then names in Swift.
timestamps="stat fstat fstatat lstat getattrlist getattrlistbulk fgetattrlist getattrlistat
  creationDate modificationDate fileModificationDate contentModificationDateKey creationDateKey"
boot_time="mach_absolute_time systemUptime"
disk_space="statfs statvfs fstatfs fstatvfs getattrlist fgetattrlist getattrlistat
  volumeAvailableCapacityKey volumeAvailableCapacityForImportantUsageKey
  volumeAvailableCapacityForOpportunisticUsageKey volumeTotalCapacityKey systemFreeSize systemSize"
keyboards=activeInputModes
defaults=UserDefaults

# The library's functions by their names on Apple's systems: glibc has fstat64 and __fxstat too.
called=$("$nm" -D --undefined-only "$library" | sed 's/.* //; s/@.*//; s/^__fxstat/fstat/
  s/^__xstat/stat/; s/^__lxstat/lstat/; s/64$//' | sort -u)
[ -n "$called" ] || fail "$library calls nothing"
# The C++ library would call them on its behalf.
hidden=$(echo "$called" | grep filesystem || true)
[ -z "$hidden" ] || fail "std::filesystem asks for timestamps: $hidden"
# What only Apple's branches of the sources call, and the Swift sources.
words=$(cat "$source"/apps/ios/Sources/Oko/*.swift $(cd "$source" &&
  find oko/base oko/image oko/graph oko/detect oko/runtime oko/seal -maxdepth 1 \
    -name '*.cpp' ! -name '*test*' | sed "s|^|$source/|") | sed 's|//.*||' |
  grep -o '[A-Za-z_]*(\|UserDefaults\|\.[A-Za-z]*' | tr -d '(.' | sort -u)

# uses CATEGORY NAMES…: prints the category if one of the names is called.
uses() {
  category=$1
  shift
  for name in "$@"; do
    if printf '%s\n%s\n' "$called" "$words" | grep -qx "$name"; then
      echo "NSPrivacyAccessedAPICategory$category"
      return
    fi
  done
}
# shellcheck disable=SC2086
used=$({
  uses FileTimestamp $timestamps
  uses SystemBootTime $boot_time
  uses DiskSpace $disk_space
  uses ActiveKeyboards $keyboards
  uses UserDefaults $defaults
} | sort)
declared=$(sed -n 's|.*<string>\(NSPrivacyAccessedAPICategory[A-Za-z]*\)</string>.*|\1|p' \
  "$manifest" | sort)
[ "$used" = "$declared" ] ||
  fail "the engine uses" $used "and the manifest declares" $declared
echo "$used" | grep -qx NSPrivacyAccessedAPICategoryFileTimestamp || fail "fstat is not found"
# Reasons must be those of their category: C617.1, files in the app's own containers.
reasons=$(sed -n 's|.*<string>\([0-9A-F]\{4\}\.[0-9]\)</string>.*|\1|p' "$manifest")
[ "$reasons" = C617.1 ] || fail "the reasons are $reasons"
if command -v xmllint >/dev/null; then xmllint --noout --nonet "$manifest"; fi
echo "privacy_test: passed: $used"
