#include "oko/convert/reference.h"

#include <utility>

#include "oko/graph/reference.h"
#include "oko/runtime/engine.h"

namespace oko::convert {
namespace {

class ReferenceExecutor : public Executor {
 public:
  explicit ReferenceExecutor(graph::Network network) : network_(std::move(network)) {}
  std::string name() const override { return "reference implementation"; }

  std::vector<std::vector<float>> run(std::span<const float> input) override {
    return reference_.run(input);
  }

  std::map<std::string, std::vector<float>> run_layers(std::span<const float> input) override {
    std::map<std::string, std::vector<float>> maps;
    reference_.run(input, [&](int layer, std::span<const float> map) {
      maps[network_.layers[layer].name].assign(map.begin(), map.end());
    });
    return maps;
  }

 private:
  graph::Network network_;
  graph::Reference<float> reference_{network_, available_processors() - 1};  // plus the caller
};

class EngineExecutor : public Executor {
 public:
  explicit EngineExecutor(const graph::Network& network)
      : engine_(runtime::make_engine(network, {0, graph::Precision::kFloat32})),
        reference_(network) {}
  std::string name() const override { return "oko's engine"; }

  std::vector<std::vector<float>> run(std::span<const float> input) override {
    const std::vector<std::vector<detect::HeadMap>> maps = engine_->run(input, 1);
    std::vector<std::vector<float>> heads;
    for (const detect::HeadMap& map : maps.front()) heads.emplace_back(map.begin(), map.end());
    return heads;
  }
  std::map<std::string, std::vector<float>> run_layers(std::span<const float> input) override {
    return reference_.run_layers(input);
  }

 private:
  std::unique_ptr<detect::Engine> engine_;
  ReferenceExecutor reference_;
};

}  // namespace

std::unique_ptr<Executor> make_reference_executor(graph::Network network) {
  return std::make_unique<ReferenceExecutor>(std::move(network));
}

std::unique_ptr<Executor> make_engine_executor(const graph::Network& network) {
  if (network.heads().empty()) return make_reference_executor(network);
  return std::make_unique<EngineExecutor>(network);
}

}  // namespace oko::convert
