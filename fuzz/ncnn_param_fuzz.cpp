// needs: formats graph
// Any .param, with a .bin after the first zero byte, is rejected or gives a complete network.

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "oko/base/error.h"
#include "oko/formats/ncnn.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(text.find('\0'), size);
  const oko::Bytes bin(text.substr(std::min(end + 1, size)));
  oko::formats::Imported imported;
  try {
    imported = oko::formats::read_ncnn(text.substr(0, end), bin, "input", oko::image::Size{64, 48});
  } catch (const oko::Error&) {
    return 0;
  }
  if (imported.outputs.empty()) std::abort();
  try {
    oko::graph::check_weights(imported.network);
  } catch (const oko::Error&) {
    std::abort();
  }
  if (!imported.tail) return 0;
  std::vector<std::vector<float>> maps;
  for (const int output : imported.outputs) {
    const auto count = imported.network.layers[output].output.count();
    maps.emplace_back(static_cast<std::size_t>(count), .5F);
  }
  try {
    static_cast<void>(imported.tail(maps));
  } catch (const oko::Error&) {  // a setting of a layer after the network
    return 0;
  }
  return 0;
}
