#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "oko/detect/decode.h"
#include "oko/image/letterbox.h"
#include "oko/runtime/memory.h"
#include "oko/runtime/model.h"
#include "oko/runtime/team.h"

namespace oko::runtime {

struct StepContext;

// Bytes that an executor with this many threads allocates.
std::size_t executor_bytes(const Plan& plan, int threads);

// Runs a model: owns the activation memory, and allocates nothing while running.
// One caller at a time.
class Executor {
 public:
  Executor(std::shared_ptr<const Model> model, int threads, Priority priority = Priority::kInherit);
  // With threads that other executors have too. Only one of them may run at a time.
  Executor(std::shared_ptr<const Model> model, std::shared_ptr<Team> team);
  ~Executor();

  const Model& model() const { return *model_; }
  // Where the next input goes: three contiguous planes. Unchanged while running.
  std::span<float> input() { return input_; }
  void run();
  // Calls `observe` after each step, while its tensors are still valid.
  using Observer = std::function<void(const Step&, const StepContext&)>;
  void run(const Observer& observe);
  // Raw outputs of all heads, planar, in network().heads() order; valid until the next run.
  std::span<const detect::HeadMap> heads() const { return heads_; }

  // Starts timing every step.
  void profile();
  std::span<const double> step_seconds() const { return seconds_; }  // of the last run

 private:
  std::shared_ptr<const Model> model_;
  std::shared_ptr<Team> team_;
  std::vector<float> input_;
  AlignedBytes arena_, shared_;
  std::vector<Memory> scratch_;  // per thread
  std::vector<std::vector<float>> head_values_;
  std::vector<detect::HeadMap> heads_;
  std::unique_ptr<StepContext> context_;  // of all these
  std::vector<double> seconds_;
};

}  // namespace oko::runtime
