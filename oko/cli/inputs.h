#pragma once

#include <string>
#include <vector>

#include "oko/cli/cli.h"
#include "oko/cli/failed_images.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/read.h"
#include "oko/graph/network.h"
#include "oko/runtime/quantize.h"

namespace oko::cli {

// A picture as the network sees it. The network must take 3 channels.
std::vector<float> picture_input(const graph::Network& network, const std::string& uri);

// Files of a folder whose names are `wanted`, by name. Pipes and the like are among them, so that
// reading them says what they are. Throws an input Error where there are none.
std::vector<std::string> images_of_folder(const std::string& folder,
                                          bool (*wanted)(const std::string& name));

// Images of a folder, or one image, as the network sees them: the first `limit` by name that can be
// read. The others are noted; where none can, the first one's Error is thrown.
std::vector<std::vector<float>> inputs_from(const graph::Network& network, const std::string& uri,
                                            std::size_t limit, FailedImages& failed);

// Synthetic pictures, the same ones everywhere: soft blobs of colour from 0 to 1.
std::vector<std::vector<float>> synthetic_inputs(const graph::Network& network, std::size_t count);

// Reads a dataset to run a model on. Images of which not even the size can be read are noted; what
// else is wrong with it throws, or was dropped with a warning: then a line on standard error counts
// it.
dataset::Dataset readable_data(const std::string& uri, FailedImages& failed, const Context& context,
                               dataset::BoxPixels exif = dataset::BoxPixels::kAuto);

// Makes a network ready for int8 by at most `count` images of a dataset, as it will see them; the
// same choice every time. Those that cannot be read are noted, and others taken; where none can,
// the first one's Error is thrown. Returns how many were used.
std::size_t calibrate(graph::Network& network, dataset::Dataset data, std::size_t count,
                      const runtime::QuantizeOptions& options, FailedImages& failed,
                      const Context& context);

// The split to use: the one named, else the first of `wanted` that there is, else all.
dataset::Dataset split_of(const dataset::Dataset& data, const std::string& named,
                          const std::vector<std::string>& wanted);

}  // namespace oko::cli
