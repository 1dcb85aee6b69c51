#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "oko/formats/keras/hdf5.h"

namespace oko::formats {

// The weights of a Keras file by layer: a group for each layer of the model, whose attribute
// weight_names lists datasets such as "conv2d_1/kernel:0". A nested model has one group for all of
// its layers.
class LayerWeights {
 public:
  // Finds the groups at the root, or under "model_weights" in the file of a whole model. Throws if
  // it is not such a file.
  explicit LayerWeights(Hdf5& file);

  // In the file's order, which is that of the model's layers.
  const std::vector<std::string>& layers() const { return layers_; }
  bool has(std::string_view layer, std::string_view inner, std::string_view part);
  // A weight by its part: "kernel", "bias", "gamma", …; no shape if the layer has none. `inner` is
  // the layer itself if `layer` is the nested model that contains it, else "".
  graph::Tensor get(std::string_view layer, std::string_view inner, std::string_view part);
  // "conv2d_1/kernel:0, conv2d_1/bias:0", for messages.
  std::string names(std::string_view layer);

 private:
  // An attribute that is a list; Keras splits long ones into name0, name1, ….
  std::vector<std::string> list(const std::string& path, const std::string& name);
  const std::vector<std::string>& weights_of(std::string_view layer);
  const std::string* find(std::string_view layer, std::string_view inner, std::string_view part);
  std::string path(std::string_view layer) const;

  Hdf5& file_;
  std::string root_;
  std::vector<std::string> layers_;
  std::map<std::string, std::vector<std::string>, std::less<>> weights_;
};

}  // namespace oko::formats
