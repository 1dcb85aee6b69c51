#pragma once

#include <memory>
#include <string>

#include "oko/base/bytes.h"
#include "oko/graph/network.h"
#include "oko/runtime/plan.h"

namespace oko::runtime {

struct ModelOptions {
  Precision precision = Precision::kModel;
  SimdTarget target = best_simd_target();
};

// A network that is ready to run: its plan and its packed weights. Never changes; any number of
// executors and threads share it.
class Model {
 public:
  // Packs the weights; the network's own are dropped, so that no model holds them twice. Throws an
  // input Error for a network that cannot be run.
  static std::shared_ptr<const Model> make(graph::Network network, const ModelOptions& options);

  // The same with weights that an earlier make() packed: `packed` as packed() gave it, used in
  // place. Null where it belongs to another model, library or machine, or is damaged: all of it is
  // read once for its checksum.
  static std::shared_ptr<const Model> from_packed(graph::Network network,
                                                  const ModelOptions& options, const Bytes& packed);
  // A header that tells what this belongs to, and the packed weights.
  std::vector<std::byte> packed() const;

  const graph::Network& network() const { return network_; }  // without weights
  const Plan& plan() const { return plan_; }
  const std::byte* weights() const { return weights_.data(); }

 private:
  Model() = default;
  graph::Network network_;
  Plan plan_;
  std::uint64_t fingerprint_ = 0;  // of the weights and of how they are packed
  Bytes weights_;                  // kAlignment-aligned
};

// Whether packed weights may be written over a file of this content: empty, packed weights of any
// library, or zeros, which is what a power cut leaves. Anything else is somebody's own file.
bool may_be_replaced(const Bytes& file);

}  // namespace oko::runtime
