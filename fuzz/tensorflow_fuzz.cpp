// needs: formats graph
// Any bytes are rejected or give a complete network.

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/formats/tensorflow.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::formats;
  const oko::Bytes bytes(std::string_view(reinterpret_cast<const char*>(data), size));
  try {
    const Imported imported = read_tensorflow(bytes, "input", oko::image::Size{16, 16});
    oko::graph::check_weights(imported.network);
    if (imported.outputs.empty()) std::abort();
  } catch (const oko::Error&) {
  }
  return 0;
}
