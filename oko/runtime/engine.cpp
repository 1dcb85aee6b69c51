#include "oko/runtime/engine.h"

#include <algorithm>
#include <list>

#include "oko/base/threads.h"
#include "oko/runtime/executor.h"

namespace oko::runtime {
namespace {

class PhoneEngine : public detect::Engine {
 public:
  PhoneEngine(const graph::Network& network, const EngineOptions& options)
      : executor_(Model::make(network, {options.precision, options.target}),
                  options.threads > 0 ? options.threads : available_processors()) {}

  std::vector<std::vector<detect::HeadMap>> run(std::span<const float> input, int batch) override {
    std::vector<std::vector<detect::HeadMap>> maps(static_cast<std::size_t>(batch));
    kept_.clear();
    const std::size_t picture = executor_.input().size();
    for (std::size_t i = 0; i < maps.size(); ++i) {
      std::copy_n(input.begin() + static_cast<std::ptrdiff_t>(i * picture), picture,
                  executor_.input().begin());
      executor_.run();
      for (const detect::HeadMap& head : executor_.heads()) {
        if (i + 1 == maps.size()) {  // nothing overwrites the last ones
          maps[i].push_back(head);
        } else {
          maps[i].emplace_back(kept_.emplace_back(head.begin(), head.end()));
        }
      }
    }
    return maps;
  }

 private:
  Executor executor_;
  std::list<std::vector<float>> kept_;  // outputs of all images of a batch but the last
};

}  // namespace

std::unique_ptr<detect::Engine> make_engine(const graph::Network& network,
                                            const EngineOptions& options) {
  return std::make_unique<PhoneEngine>(network, options);
}

}  // namespace oko::runtime
