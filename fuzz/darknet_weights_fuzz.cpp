// needs: formats graph
// Any bytes are rejected or fill the first layers of a small network.

#include <algorithm>
#include <cstdlib>

#include "oko/base/error.h"
#include "oko/formats/darknet.h"

namespace {

constexpr const char* kNetwork =
    "[net]\nwidth=8\nheight=8\nchannels=1\n"
    "[convolutional]\nbatch_normalize=1\nfilters=1\nsize=1\nactivation=leaky\n"
    "[convolutional]\nfilters=6\nsize=1\nactivation=linear\n"
    "[yolo]\nanchors=1,2\nclasses=1\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::formats;
  static const oko::graph::Network empty = read_darknet_cfg(kNetwork, "network");
  const oko::Bytes bytes(std::string_view(reinterpret_cast<const char*>(data), size));
  try {
    darknet_classes_from_size(empty, bytes, "fuzz.weights");
    oko::graph::Network network = empty;
    const DarknetWeights header = read_darknet_weights(bytes, "input", network);
    if (header.complete != (network.weights.size() == weight_specs(network).size())) std::abort();
    if (!header.complete) return 0;
    const std::vector<std::byte> written = write_darknet_weights(network, header);
    if (!std::ranges::equal(written, bytes.span())) std::abort();
  } catch (const oko::Error&) {
  }
  return 0;
}
