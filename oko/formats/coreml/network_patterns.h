#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "oko/formats/coreml/network_file.h"
#include "oko/graph/network.h"

namespace oko::formats::coreml {

// Layers of a file that are one of oko's together: an activation, or a layer that moves values or
// attends by reshaping tensors.
struct Pattern {
  std::variant<graph::Activation, graph::Shuffle, graph::SpaceToDepth, graph::Attention> made;
  std::string input;
  std::vector<const FileLayer*> parts;  // all but the last
};

// Finds patterns by their last layers. Tensors inside one have no other reader. Only the layers'
// settings are compared: whether the input has the shape that they imply is left to the caller.
class PatternFinder {
 public:
  // `outputs` are read by the app.
  PatternFinder(const std::vector<FileLayer>& layers, const std::vector<std::string>& outputs);

  std::optional<Pattern> ending_with(const FileLayer& last) const;

 private:
  const FileLayer* maker(const std::string& map, int readers = 1) const;
  const FileLayer* maker(const std::string& map, std::uint32_t kind, int readers = 1) const;
  std::optional<Pattern> gated(const FileLayer& last) const;
  std::optional<Pattern> relu6(const FileLayer& last) const;
  std::optional<Pattern> shuffle(const FileLayer& last) const;
  std::optional<Pattern> darknet_squares(const FileLayer& last) const;
  std::optional<Pattern> columns_of_squares(const FileLayer& last) const;
  std::optional<Pattern> attention(const FileLayer& last) const;

  std::map<std::string, const FileLayer*> makers_;
  std::map<std::string, int> readers_;
};

// The field of a layer's activation; 0 for other layers.
std::uint32_t activation_kind(const FileLayer& layer);
// What a reshape makes; nothing if the layer is another, or makes a sequence.
std::optional<graph::Shape> reshaped_to(const FileLayer& layer);
// The block of a layer that moves pixels to channels; 0 if it is another.
int block_of(const FileLayer& layer);

}  // namespace oko::formats::coreml
