#include "oko/runtime/engine.h"

#include <algorithm>
#include <list>
#include <utility>

#include "oko/base/threads.h"
#include "oko/runtime/executor.h"

namespace oko::runtime {
namespace {

class PhoneEngine : public detect::Engine {
 public:
  PhoneEngine(std::shared_ptr<const Model> model, std::shared_ptr<Team> team)
      : executor_(std::move(model), std::move(team)) {}

  std::span<float> input() override { return executor_.input(); }

  std::vector<std::vector<detect::HeadMap>> run(std::span<const float> input, int batch) override {
    std::vector<std::vector<detect::HeadMap>> maps(static_cast<std::size_t>(batch));
    kept_.clear();
    const std::size_t picture = executor_.input().size();
    for (std::size_t i = 0; i < maps.size(); ++i) {
      const float* from = input.data() + i * picture;
      float* to = executor_.input().data();
      if (from != to) std::copy_n(from, picture, to);
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
  return make_engine(Model::make(network, {options.precision, options.target}),
                     options.threads > 0 ? options.threads : available_processors());
}

std::unique_ptr<detect::Engine> make_engine(std::shared_ptr<const Model> model, int threads,
                                            Priority priority) {
  return make_engine(std::move(model), std::make_shared<Team>(threads, priority));
}

std::unique_ptr<detect::Engine> make_engine(std::shared_ptr<const Model> model,
                                            std::shared_ptr<Team> team) {
  return std::make_unique<PhoneEngine>(std::move(model), std::move(team));
}

}  // namespace oko::runtime
