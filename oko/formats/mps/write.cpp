#include "oko/formats/mps/plan.h"
#include "oko/formats/wrappers/identifiers.h"
#include "oko/graph/fold.h"

namespace oko::formats {
std::vector<File> write_mps(const graph::Network& network, const WriteOptions& options,
                            const std::string& stem) {
  const graph::Network folded = graph::inference_form(network);
  const mps::Plan plan = mps::make_plan(folded);
  const std::string name = wrappers::type_name(stem);
  const std::string folder = stem.substr(0, stem.rfind('/') + 1);
  return {text_file(folder + name + "Graph.swift",
                    mps::swift_source(plan, folded, options, name, stem)),
          {stem + ".mpsweights", Bytes(mps::weights_file(plan, options.precision))}};
}

}  // namespace oko::formats
