// needs: formats graph
// Any text is rejected or gives a network; if that can be written, it reads back the same.

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/formats/darknet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::formats;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  oko::graph::Network network;
  std::string written;
  try {
    std::vector<std::string> warnings;
    network = read_darknet_cfg(text, "input", &warnings);
    written = write_darknet_cfg(network);
  } catch (const oko::Error&) {
    return 0;
  }
  // Training-only layers ([cost]) are dropped, so layer names may be renumbered.
  oko::graph::Network again = read_darknet_cfg(written, "written");
  // A [shortcut] with a larger layer becomes two layers, which are written with routes to them.
  for (const oko::graph::Layer& layer : network.layers) {
    if (layer.name.find(".sampled") != layer.name.npos) return 0;
  }
  if (again.layers.size() != network.layers.size()) std::abort();
  for (std::size_t i = 0; i < again.layers.size(); ++i) {
    if (again.layers[i].operation != network.layers[i].operation) std::abort();
    if (again.layers[i].inputs != network.layers[i].inputs) std::abort();
  }
  return 0;
}
