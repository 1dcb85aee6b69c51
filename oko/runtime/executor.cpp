#include "oko/runtime/executor.h"

#include <chrono>
#include <cstring>

#include "oko/runtime/steps.h"

namespace oko::runtime {

std::size_t executor_bytes(const Plan& plan, int threads) {
  std::size_t numbers = static_cast<std::size_t>(plan.input.count());
  for (const graph::Shape& head : plan.heads) numbers += static_cast<std::size_t>(head.count());
  const auto each = static_cast<std::size_t>(threads) * (plan.thread_bytes + kSlack);
  return plan.arena_bytes + plan.shared_bytes + 2 * kSlack + each + numbers * sizeof(float);
}

Executor::Executor(std::shared_ptr<const Model> model, int threads, Priority priority)
    : Executor(std::move(model), std::make_shared<Team>(threads, priority)) {}

Executor::Executor(std::shared_ptr<const Model> model, std::shared_ptr<Team> team)
    : model_(std::move(model)), team_(std::move(team)) {
  const Plan& plan = model_->plan();
  input_.resize(static_cast<std::size_t>(plan.input.count()));
  arena_ = aligned_bytes(plan.arena_bytes + kSlack);
  shared_ = aligned_bytes(plan.shared_bytes + kSlack);
  // Vectors are read past a tensor's last channel: that memory must hold valid numbers.
  std::memset(arena_.get(), 0, plan.arena_bytes + kSlack);
  std::memset(shared_.get(), 0, plan.shared_bytes + kSlack);
  for (int i = 0; i < team_->size(); ++i) {  // which also gets transformed kernels
    scratch_.push_back(memory_for(plan.thread_bytes, model_->secret()));
    std::memset(scratch_.back().bytes.data(), 0, plan.thread_bytes + kSlack);
  }
  for (const graph::Shape& shape : plan.heads) {
    head_values_.emplace_back(static_cast<std::size_t>(shape.count()));
  }
  for (const auto& values : head_values_) heads_.emplace_back(values);
  StepContext context{
      kernels(plan.target), kernels8(plan.target), *team_,        plan, model_->weights(),
      input_.data(),        arena_.get(),          shared_.get(), {},   {}};
  for (const Memory& memory : scratch_) context.scratch.push_back(memory.bytes.data());
  for (auto& values : head_values_) context.heads.push_back(values.data());
  context_ = std::make_unique<StepContext>(std::move(context));
}

Executor::~Executor() = default;

void Executor::run() { run(nullptr); }

void Executor::run(const Observer& observe) {
  using Clock = std::chrono::steady_clock;
  const Plan& plan = model_->plan();
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto begin = seconds_.empty() ? Clock::time_point() : Clock::now();
    run_step(plan.steps[i], *context_);
    if (!seconds_.empty()) {
      seconds_[i] = std::chrono::duration<double>(Clock::now() - begin).count();
    }
    if (observe) observe(plan.steps[i], *context_);
  }
}

void Executor::profile() { seconds_.resize(model_->plan().steps.size()); }

}  // namespace oko::runtime
