#include "oko/train/engine.h"

#include <cassert>

#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/train/device.h"
#include "oko/train/module.h"

namespace oko::train {
namespace {

class TorchEngine final : public detect::Engine {
 public:
  TorchEngine(const graph::Network& network, at::Device device)
      : module_(network, device, 0), device_(device) {
    module_.freeze(std::vector<bool>(network.layers.size(), true));
  }

  std::vector<std::vector<detect::HeadMap>> run(std::span<const float> input, int batch) override {
    const c10::InferenceMode inference;
    const graph::Shape& shape = module_.network().input;
    assert(input.size() == static_cast<std::size_t>(shape.count() * batch));
    const at::Tensor x =
        at::from_blob(const_cast<float*>(input.data()),
                      {batch, shape.channels, shape.height, shape.width}, at::kFloat);
    outputs_.clear();
    for (const at::Tensor& head : module_.forward(x.to(device_))) {
      outputs_.push_back(head.to(at::kCPU).contiguous());
    }
    std::vector<std::vector<detect::HeadMap>> maps(static_cast<std::size_t>(batch));
    for (const at::Tensor& output : outputs_) {
      const auto count = static_cast<std::size_t>(output.numel() / batch);
      const float* data = output.data_ptr<float>();
      for (std::size_t i = 0; i < maps.size(); ++i) maps[i].emplace_back(data + i * count, count);
    }
    return maps;
  }

 private:
  Module module_;
  at::Device device_;
  std::vector<at::Tensor> outputs_;
};

}  // namespace

bool has_cuda() { return at::hasCUDA(); }

std::unique_ptr<detect::Engine> make_torch_engine(const graph::Network& network,
                                                  const EngineOptions& options) {
  if (network.weights.empty()) {
    throw input_error(network.name, "the network has no weights", "give a trained model");
  }
  graph::check_weights(network);
  use_threads(options.threads);
  return std::make_unique<TorchEngine>(network, device_named(options.device));
}

}  // namespace oko::train
