#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oko/cli/cli.h"
#include "oko/dataset/dataset.h"
#include "oko/graph/network.h"

namespace oko::cli {

// Pictures of a folder, or one picture, as the network sees them: the first `limit` by name.
std::vector<std::vector<float>> inputs_from(const graph::Network& network, const std::string& uri,
                                            std::size_t limit);

// Made-up pictures, the same ones everywhere: soft blobs of colour from 0 to 1.
std::vector<std::vector<float>> made_up_inputs(const graph::Network& network, std::size_t count);

// A choice of `count` pictures to calibrate with, as the network will see them, as bytes; the same
// ones every time. Tells how far it has come.
std::vector<std::vector<std::uint8_t>> calibration_inputs(const graph::Network& network,
                                                          dataset::Dataset data, std::size_t count,
                                                          const Context& context);

// The split to use: the one named, else the first of `wanted` that there is, else all.
dataset::Dataset split_of(const dataset::Dataset& data, const std::string& named,
                          const std::vector<std::string>& wanted);

}  // namespace oko::cli
