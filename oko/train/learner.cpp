#include "oko/train/learner.h"

#include <optional>
#include <utility>

#include "oko/train/optimizer.h"
#include "oko/train/step.h"

namespace oko::train {
namespace {

constexpr double kEmaRamp = 200;  // updates

class TorchLearner final : public Learner {
 public:
  TorchLearner(const graph::Network& network, const Recipe& recipe, Workers* workers)
      : recipe_(recipe),
        step_(network, recipe, workers),
        optimizer_(std::in_place, parameters(), optimizer_options(recipe)),
        ema_(parameters(), recipe.ema, kEmaRamp) {}

  void begin_update() override {
    step_.begin_update();
    is_begun_ = true;
  }
  LossSums accumulate(const dataset::Batch& batch, std::int64_t step, double factor,
                      bool last) override {
    return step_.accumulate(batch, step, factor, last);
  }
  double clip_gradient() override {
    usable_ = step_.unscale_gradient();
    return optimizer_->clip_gradient(recipe_.clip);
  }
  bool may_overflow() const override { return step_.may_overflow(); }
  void update(double rate) override {
    if (usable_) optimizer_->step(rate);
    ema_.update(parameters());
    is_begun_ = false;
  }
  void undo_update() override {
    if (std::exchange(is_begun_, false)) step_.undo_update();
  }
  double l2_loss() const override { return step_.l2_loss(recipe_.weight_decay); }

  void freeze(const std::vector<bool>& layers) override {
    step_.freeze(layers);
    optimizer_->set_frozen(layers);
  }
  void restart() override {
    optimizer_.emplace(parameters(), optimizer_options(recipe_));
    ema_.restart(parameters());
  }

  graph::Weights weights() const override { return parameters().weights(parameters().flat()); }
  graph::Weights averaged_weights() const override { return parameters().weights(ema_.flat()); }
  std::int64_t value_count() const override { return parameters().flat().numel(); }
  graph::Weights state() const override {
    graph::Weights state = optimizer_->state();
    state.merge(ema_.state());
    return state;
  }
  void load(const graph::Weights& weights, const std::string& place) override {
    parameters().assign(weights, place);
  }
  void restore(const graph::Weights& state, const std::string& place) override {
    optimizer_->restore(state, place);
    ema_.restore(state, place);
  }

  double measure(int batch) override { return step_.measure(batch); }
  bool half_precision() const override { return step_.half_precision(); }
  std::string description() const override { return step_.description(); }

 private:
  Parameters& parameters() { return step_.module().parameters(); }
  const Parameters& parameters() const { return step_.module().parameters(); }

  const Recipe recipe_;
  TrainingStep step_;
  std::optional<Optimizer> optimizer_;
  Ema ema_;
  bool usable_ = true;     // the gradient
  bool is_begun_ = false;  // an update
};

}  // namespace

std::unique_ptr<Learner> make_learner(const graph::Network& network, const Recipe& recipe,
                                      Workers* workers) {
  return std::make_unique<TorchLearner>(network, recipe, workers);
}

std::string libtorch_version() { return TrainingStep::library_version(); }

}  // namespace oko::train
