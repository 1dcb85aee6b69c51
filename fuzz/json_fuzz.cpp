// needs: base
// Any JSON text is parsed or rejected; what is parsed can be written and round-trips.

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const std::string written = oko::parse_json(text, "input").dump();
    if (oko::parse_json(written, "written").dump() != written) std::abort();
  } catch (const oko::Error&) {
  }
  return 0;
}
