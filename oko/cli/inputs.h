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

// An image as the network sees it. The network must take 3 channels.
std::vector<float> picture_input(const graph::Network& network, const std::string& uri);

// Files of a folder whose names are `wanted`, sorted by name. Pipes and the like are included, so
// that reading them reports what they are. Throws an input Error if there are none.
std::vector<std::string> images_of_folder(const std::string& folder,
                                          bool (*wanted)(const std::string& name));

// Images of a folder, or one image, as the network sees them: the first `limit` by name that can be
// read. Failures are recorded; if all fail, the first Error is thrown.
std::vector<std::vector<float>> inputs_from(const graph::Network& network, const std::string& uri,
                                            std::size_t limit, FailedImages& failed);

// Inputs of a network without mean and scale, as another network's preprocessing makes them of the
// same images.
std::vector<std::vector<float>> normalized(std::vector<std::vector<float>> inputs,
                                           const image::Preprocess& preprocess);

// Synthetic images, the same on every machine: soft blobs of colour from 0 to 1.
std::vector<std::vector<float>> synthetic_inputs(const graph::Network& network, std::size_t count);

// Reads a dataset to run a model on. Images whose size cannot be read are recorded; other errors
// throw; what was dropped with a warning is counted in a line on standard error.
dataset::Dataset readable_data(const std::string& uri, FailedImages& failed, const Context& context,
                               dataset::BoxPixels exif = dataset::BoxPixels::kAuto);

// The same for calibration, which needs no labels: a folder that holds nothing but images is a
// dataset of them, without classes.
dataset::Dataset calibration_data(const std::string& uri, FailedImages& failed,
                                  const Context& context,
                                  dataset::BoxPixels exif = dataset::BoxPixels::kAuto);

// Calibrates a network for int8 on at most `count` images of a dataset, as it will see them; the
// choice is deterministic. Unreadable images are recorded and replaced by others; if all fail, the
// first Error is thrown. Returns the number used.
std::size_t calibrate(graph::Network& network, dataset::Dataset data, std::size_t count,
                      const runtime::QuantizeOptions& options, FailedImages& failed,
                      const Context& context);

// The split to use: the one named, else the first of `wanted` that exists, else all.
dataset::Dataset split_of(const dataset::Dataset& data, const std::string& named,
                          const std::vector<std::string>& wanted);

}  // namespace oko::cli
