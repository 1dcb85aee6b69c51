// needs: formats graph
// Any file is rejected or gives a complete network.

#include <cstdlib>
#include <string_view>

#include "oko/base/error.h"
#include "oko/formats/recognize.h"
#include "oko/formats/tflite.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const oko::Bytes file(std::string_view(reinterpret_cast<const char*>(data), size));
  oko::formats::Imported imported;
  try {
    imported = oko::formats::read_tflite(file, "input.tflite");
  } catch (const oko::Error&) {
    return 0;
  }
  if (imported.outputs.empty()) std::abort();
  try {
    oko::graph::check_weights(imported.network);
  } catch (const oko::Error&) {
    std::abort();
  }
  const auto part = oko::formats::tflite_part(file, "input.tflite", imported.keys);
  if (part.outputs.size() != imported.keys.size()) std::abort();
  try {
    if (oko::formats::recognize_heads(imported)) oko::graph::check_weights(imported.network);
  } catch (const oko::Error&) {
  }
  return 0;
}
