# Writes OUTPUT, a header with a number that identifies what packs weights: SOURCES (files,
# separated by commas) and TEXT (versions of oko and the compiler).
string(REPLACE "," ";" sources "${SOURCES}")
set(all "${TEXT}")
foreach(source IN LISTS sources)
  file(SHA256 ${source} hash)
  string(APPEND all "\n${hash}")
endforeach()
string(SHA256 identity "${all}")
string(SUBSTRING ${identity} 0 16 identity)
file(WRITE ${OUTPUT} "#pragma once

#include <cstdint>

namespace oko::runtime {
inline constexpr std::uint64_t kBuildIdentity = 0x${identity};
}
")
