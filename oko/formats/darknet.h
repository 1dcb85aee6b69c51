#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/graph/network.h"

namespace oko::formats {

// What differs in a .cfg's own .weights from those of the network that it is read as.
struct DarknetLayout {
  std::map<int, int> same_as;     // layers whose weights are another one's (share_index)
  std::map<int, float> constant;  // depthwise 1x1 layers that are not Darknet's, and their kernel
};

// Reads a Darknet .cfg. Shapes are inferred; preprocess is Darknet's (pixel centres, and letterbox
// or stretch) and so is batch norm's epsilon. Both differ between the original Darknet and
// AlexeyAB's: letter_box in [net] and keys that only the later one knows decide, and the first of
// `warnings` states the decision. The [net] section's training keys go to
// network.metadata["darknet"]["net"] as strings, those of each head to ["darknet"]["heads"]; unused
// keys are listed in `warnings`, once each. Throws input Errors with "file:line".
graph::Network read_darknet_cfg(std::string_view text, const std::string& name,
                                std::vector<std::string>* warnings = nullptr,
                                DarknetLayout* layout = nullptr);

// The network as the original Darknet runs it on a CPU, whatever its .cfg says: letterboxed, batch
// norm by sqrt(variance) + 1e-6, and boxes suppressed by IoU.
void as_original_darknet(graph::Network& network);

struct DarknetWeights {
  int major = 0, minor = 2, revision = 5;
  std::uint64_t seen = 0;       // images trained on
  int convolutions_loaded = 0;  // fewer than the network's for a prefix file
  bool complete = false;
};

// Loads a .weights file or a prefix (tiny-yolo-voc.conv.9: the first convolutions) into `network`.
// A file that ends inside a layer is an Error: "file has N floats, layer K needs M"; so are values
// that are not finite. Tensors share the file's bytes. `network` needs shapes; what a prefix does
// not contain is unchanged, and after an Error everything is. `layout`: of the network's .cfg.
DarknetWeights read_darknet_weights(const Bytes& file, const std::string& name,
                                    graph::Network& network, const DarknetLayout& layout = {});

// A .cfg that Darknet reads and that read_darknet_cfg() reads back equal. Training keys are those
// that were read, else the usual ones. Throws an input Error naming the layer Darknet cannot
// express.
std::string write_darknet_cfg(const graph::Network& network);

// The .weights of a network with all its weights. Variances are changed where batch norm's epsilon
// is neither of Darknet's two, so that the divisor stays the same.
std::vector<std::byte> write_darknet_weights(const graph::Network& network,
                                             const DarknetWeights& header = {});

// How many floats the .weights that is written for this network holds.
std::int64_t darknet_float_count(const graph::Network& network);

// The class count with which `network`'s file would have exactly this file's number of floats, or 0
// if there is none. Heads grow by a fixed number of floats per class, so the count follows from the
// size.
int darknet_classes_from_size(const graph::Network& network, const Bytes& file,
                              const std::string& name);

}  // namespace oko::formats
