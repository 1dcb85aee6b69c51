#pragma once

#include <memory>
#include <string>
#include <vector>

#include "oko/convert/executor.h"
#include "oko/graph/network.h"

namespace oko::convert {

// Makes the heads' raw values of the outputs that a program computes from a file whose heads were
// recognized: puts their parts in the heads' order and undoes sigmoids and softmaxes. `keys` are
// those of the outputs of `file`, in its order; `network` is the one with the heads, and `parts`
// are its ReadModel::head_parts.
std::unique_ptr<Executor> with_heads(std::unique_ptr<Executor> file, std::vector<std::string> keys,
                                     const graph::Network& network,
                                     std::vector<std::vector<formats::HeadPart>> parts);

// Applies to planar values of one output what its channels have passed.
std::vector<float> after_passing(std::vector<float> values,
                                 const std::vector<formats::Passed>& passed);

}  // namespace oko::convert
