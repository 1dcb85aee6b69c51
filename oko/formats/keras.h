#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/heads.h"

namespace oko::formats {

// A whole model as Keras 2 saves it in HDF5 (`model.save("x.h5")`): Sequential and functional
// models, nested ones too. `size` is the input's where the file leaves it open, and goes before the
// file's own. Layers keep Keras' names. Throws input Errors with "file: layer (class)", or
// "file@byte" where the file is damaged; tells what to do where it holds weights alone, a Keras 3
// `.keras` archive, or a layer that has no like here.
Imported read_keras(const Bytes& file, const std::string& name,
                    std::optional<image::Size> size = {});

// Weights alone say nothing of batch norm's epsilon; this is what Keras takes when not told.
inline constexpr float kKerasEpsilon = 1e-3F;

// Fills `network` with the weights of a file of `model.save_weights("x.h5")` (or of a whole model,
// whose structure is then ignored): the convolutions by the number in their layers' names, as Keras
// counts them up in the order in which they are made, and batch norms likewise. That is
// keras-yolo3's own layout, where file order is another. Depthwise convolutions and others count
// apart. Every batch norm of the network gets `epsilon`; without one they keep theirs (right for
// weights that were converted from Darknet). Gives notes for the user. Throws an input Error that
// names the layer of the file and that of the network where their numbers or shapes differ;
// `network` then stays as it was.
std::vector<std::string> read_keras_weights(const Bytes& file, const std::string& name,
                                            graph::Network& network,
                                            std::optional<float> epsilon = kKerasEpsilon);

// Whether an HDF5 file holds a model's structure, and not weights alone.
bool keras_has_structure(const Bytes& file, const std::string& name);

}  // namespace oko::formats
