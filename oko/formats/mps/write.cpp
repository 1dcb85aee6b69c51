#include <cstring>

#include "oko/formats/mps/plan.h"
#include "oko/formats/wrappers/identifiers.h"
#include "oko/graph/fold.h"

namespace oko::formats {
namespace {

std::vector<std::byte> bytes_of(const std::string& text) {
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

}  // namespace

std::vector<File> write_mps(const graph::Network& network, const MpsOptions& options,
                            const std::string& stem) {
  const graph::Network folded = graph::inference_form(network);
  const mps::Plan plan = mps::make_plan(folded);
  const std::string name = wrappers::type_name(stem);
  const std::string folder = stem.substr(0, stem.rfind('/') + 1);
  return {{folder + name + "Graph.swift",
           bytes_of(mps::swift_source(plan, folded, options, name, stem))},
          {stem + ".mpsweights", mps::weights_file(plan, options.weights)}};
}

}  // namespace oko::formats
