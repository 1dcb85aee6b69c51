// needs: formats graph
// Any bytes are rejected or give a network with complete weights. The file is its own
// weights/weight.bin.

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/formats/coreml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const oko::Bytes bytes(std::string_view(reinterpret_cast<const char*>(data), size));
  try {
    const oko::formats::Imported read = oko::formats::read_coreml(bytes, "input", bytes);
    check_weights(read.network);
    if (read.outputs.empty()) std::abort();
  } catch (const oko::Error&) {
  }
  return 0;
}
