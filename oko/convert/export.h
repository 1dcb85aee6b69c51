#pragma once

#include <string>
#include <vector>

#include "oko/formats/format.h"
#include "oko/graph/network.h"

namespace oko::convert {

struct Export {
  formats::Written model;               // what the other program loads
  std::vector<formats::File> wrappers;  // source for an app, beside it
};

// Writes a network in another format. Throws an input Error naming the layer that the format cannot
// express, and what formats::check_options() throws.
Export export_model(const graph::Network& network, const formats::Format& format,
                    const formats::WriteOptions& options, const std::string& stem);

}  // namespace oko::convert
