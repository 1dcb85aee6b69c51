// needs: formats graph
// Any bytes are rejected, or give a complete network, or the weights of one.

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/formats/darknet.h"
#include "oko/formats/keras.h"

namespace {

constexpr const char* kNetwork =
    "[net]\nwidth=8\nheight=6\nchannels=3\n"
    "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=2\npad=1\nactivation=linear\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::formats;
  static const oko::graph::Network empty = read_darknet_cfg(kNetwork, "network");
  const oko::Bytes bytes(std::string_view(reinterpret_cast<const char*>(data), size));
  try {
    const Imported imported = read_keras(bytes, "input", oko::image::Size{8, 8});
    oko::graph::check_weights(imported.network);
    if (imported.outputs.empty()) std::abort();
  } catch (const oko::Error&) {
  }
  oko::graph::Network network = empty;
  try {
    read_keras_weights(bytes, "input", network);
    oko::graph::check_weights(network);
  } catch (const oko::Error&) {
    if (!network.weights.empty()) std::abort();
  }
  return 0;
}
