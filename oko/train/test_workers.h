#pragma once

// Workers that are threads of one process, for tests.
#include <barrier>
#include <thread>
#include <vector>

#include "oko/train/aten.h"
#include "oko/train/workers.h"

namespace oko::train {

class ThreadWorkers final : public Workers {
 public:
  struct Meeting {
    explicit Meeting(int size) : barrier(size), doubles(size), tensors(size), texts(size) {}
    std::barrier<> barrier;
    std::vector<std::span<double>> doubles;
    std::vector<at::Tensor> tensors;
    std::vector<std::string> texts;
  };

  ThreadWorkers(Meeting& meeting, int rank) : meeting_(meeting), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(meeting_.texts.size()); }
  int local_rank() const override { return -1; }
  void sum(std::span<double> values) override {
    meeting_.doubles[rank_] = values;
    meeting_.barrier.arrive_and_wait();
    std::vector<double> sums(values.size());
    for (const auto& part : meeting_.doubles) {
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += part[i];
    }
    meeting_.barrier.arrive_and_wait();
    std::ranges::copy(sums, values.begin());
  }
  void sum(const at::Tensor& values) override {
    meeting_.tensors[rank_] = values;
    meeting_.barrier.arrive_and_wait();
    at::Tensor sums = at::zeros_like(values);
    for (const at::Tensor& part : meeting_.tensors) sums.add_(part);
    meeting_.barrier.arrive_and_wait();
    const at::NoGradGuard no_grad;
    at::Tensor(values).copy_(sums);
  }
  void begin_sum(const at::Tensor& values) override { begun.push_back(values); }
  void finish_sums() override {
    for (const at::Tensor& values : begun) sum(values);
    begun.clear();
  }
  std::string from_leader(std::string text) override { return gather(text)[0]; }
  std::vector<std::string> gather(const std::string& text) override {
    meeting_.texts[rank_] = text;
    meeting_.barrier.arrive_and_wait();
    const std::vector<std::string> all = meeting_.texts;
    meeting_.barrier.arrive_and_wait();
    return all;
  }
  void failed(const Error&) noexcept override {}
  const Traffic& traffic() const override { return traffic_; }

  std::vector<at::Tensor> begun;

 private:
  Meeting& meeting_;
  const std::size_t rank_;
  Traffic traffic_;
};

// Calls body(workers) as each of them.
template <typename Body>
void as_workers(int size, Body body) {
  ThreadWorkers::Meeting meeting(size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadWorkers workers(meeting, rank);
      body(workers);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace oko::train
