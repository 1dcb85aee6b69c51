#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "oko/graph/oko_file.h"
#include "tests/support/reference_models.h"

// The published model whose boxes in a raw camera frame are in the reference data.
namespace oko::bindings {

// As an .oko file with its class names; empty if there is no reference data.
inline std::vector<std::byte> reference_model() {
  const std::string base = reference::path_of("models/darknet");
  if (base.empty()) return {};
  graph::Network network = reference::darknet_model(base + "/yolo-fastest-1.1-xl.cfg",
                                                    base + "/yolo-fastest-1.1-xl.weights");
  std::ifstream names(base + "/coco.names");
  for (std::string name; std::getline(names, name);) network.classes.push_back(name);
  return graph::write_oko(network);
}

}  // namespace oko::bindings
