#include "oko/train/check.h"

#include <utility>

#include "oko/train/setup.h"
#include "oko/train/setup_steps.h"

namespace oko::train {
namespace {

// Shows what takes long, without the lines on what was chosen: the run's own log has them.
class OnlyBars final : public Progress {
 public:
  explicit OnlyBars(Progress& to) : to_(to) {}
  void begin(std::string_view what, std::uint64_t total, std::string_view unit) override {
    to_.begin(what, total, unit);
  }
  void advance(std::uint64_t count) override { to_.advance(count); }
  void note(std::string_view text) override { to_.note(text); }
  void end() override { to_.end(); }
  void line(std::string_view) override {}

 private:
  Progress& to_;
};

// The classes are unknown without the data; a network can be built for any.
void check_network(Recipe recipe, Progress& progress) {
  Setup setup;
  setup.recipe = std::move(recipe);
  setup.train.classes = {"object"};
  make_network(setup);
  find_weights(setup, progress);
  take_pretrained(setup, progress);
}

}  // namespace

void check(Recipe recipe, const CheckOptions& options, Progress& progress) {
  check_recipe(recipe);
  check_effects(recipe, options.given);
  OnlyBars bars(progress);
  if (!options.reads_data) return check_network(std::move(recipe), bars);
  const Setup setup = set_up(std::move(recipe), bars);
  check_batch(setup.recipe.batch, options.workers);
}

}  // namespace oko::train
