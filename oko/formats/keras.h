#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/heads.h"

namespace oko::formats {

// A whole model as Keras 2 saves it in HDF5 (`model.save("x.h5")`): Sequential and functional
// models, nested ones too. `size` is the input's if the file does not fix it, and overrides the
// file's. Layers keep Keras' names. Throws input Errors with "file: layer (class)", or "file@byte"
// where the file is damaged; the hint says what to do about a weights-only file, a Keras 3 `.keras`
// archive, or an unsupported layer.
Imported read_keras(const Bytes& file, const std::string& name,
                    std::optional<image::Size> size = {});

// Weights-only files do not contain batch norm's epsilon; this is Keras' default.
inline constexpr float kKerasEpsilon = 1e-3F;

// Fills `network` with the weights of a file of `model.save_weights("x.h5")` (or of a whole model,
// whose structure is then ignored): the convolutions by the number in their layers' names, which
// Keras counts up in creation order, and batch norms likewise. That is keras-yolo3's own layout,
// whose file order differs. Depthwise and other convolutions are counted separately. Every batch
// norm of the network gets `epsilon`; without one they keep theirs (right for weights converted
// from Darknet). Returns notes for the user. Throws an input Error that names the layers in the
// file and the network whose counts or shapes differ; `network` is then unchanged.
std::vector<std::string> read_keras_weights(const Bytes& file, const std::string& name,
                                            graph::Network& network,
                                            std::optional<float> epsilon = kKerasEpsilon);

// Whether an HDF5 file contains a model's structure, not only weights.
bool keras_has_structure(const Bytes& file, const std::string& name);

}  // namespace oko::formats
