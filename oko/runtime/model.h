#pragma once

#include <memory>
#include <string>

#include "oko/base/bytes.h"
#include "oko/graph/network.h"
#include "oko/runtime/plan.h"

namespace oko::runtime {

struct ModelOptions {
  std::optional<Precision>
      precision{};  // nothing: int8 where the model was quantized and has kernels, else float32
  SimdTarget target = best_simd_target();
  // The weights are of a sealed model: packed weights are in locked memory, and nothing of what
  // they were made of is left behind. The network's own must be writable, and nobody else's.
  bool secret = false;
  bool plan_only = false;  // nothing is packed: the model can be described but not run
  // The mapped file that the weights are in, if they are: its pages need not stay in memory once
  // they are packed.
  std::span<const std::byte> mapped{};
};

// A network ready to run: its plan and its packed weights. Immutable; shared by any number of
// executors and threads.
class Model {
 public:
  // Packs the weights and drops the network's own, so that they are not in memory twice. Throws an
  // input Error for a network that cannot be run.
  static std::shared_ptr<const Model> make(graph::Network network, const ModelOptions& options);

  // The same with previously packed weights: `packed` from packed(), used in place. Null if it
  // belongs to another model, library or machine, or is damaged: all of it is read once for its
  // checksum.
  static std::shared_ptr<const Model> from_packed(graph::Network network,
                                                  const ModelOptions& options, const Bytes& packed);
  // A header that identifies the model, and the packed weights.
  std::vector<std::byte> packed() const;

  const graph::Network& network() const { return network_; }  // without weights
  const Plan& plan() const { return plan_; }
  const std::byte* weights() const { return weights_.data(); }
  bool secret() const { return secret_; }  // as ModelOptions has it

 private:
  Model() = default;
  graph::Network network_;
  Plan plan_;
  std::uint64_t fingerprint_ = 0;  // of the weights and of how they are packed
  Bytes weights_;                  // kAlignment-aligned
  bool secret_ = false;
};

// Whether packed weights may overwrite a file with this content: empty, packed weights of any
// library version, or zeros as left by a power cut. Anything else is a foreign file.
bool may_be_replaced(const Bytes& file);

}  // namespace oko::runtime
