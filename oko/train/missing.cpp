// In place of everything that needs LibTorch, when oko is built without it (OKO_TRAIN=OFF): the
// recipe is there, so that `oko train` has its options and help, but nothing can be trained.
#include "oko/base/error.h"
#include "oko/train/check.h"
#include "oko/train/engine.h"
#include "oko/train/probe.h"
#include "oko/train/trainer.h"

namespace oko::train {
namespace {

Error without_libtorch(const char* place) {
  return {ErrorCode::kUsage, place, "this oko was built without LibTorch",
          "build it with -DOKO_TRAIN=ON"};
}

}  // namespace

TrainResult train(Recipe, const TrainOptions&, Progress&) { throw without_libtorch("oko train"); }

void check(Recipe recipe, const CheckOptions& options, Progress&) {
  check_recipe(recipe);
  check_effects(recipe, options.given);
}

ProbeResult probe(Recipe, const ProbeOptions&, Progress&) {
  throw Error(ErrorCode::kUsage, "cost", "this oko was built without LibTorch, so it cannot probe",
              "give --images N in place of DATASET, or build oko with -DOKO_TRAIN=ON");
}

bool has_cuda() { return false; }

std::unique_ptr<detect::Engine> make_torch_engine(const graph::Network&, const EngineOptions&) {
  throw without_libtorch("LibTorch's engine");
}

}  // namespace oko::train
