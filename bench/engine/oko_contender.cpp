#include <cstdlib>
#include <span>
#include <stdexcept>

#include "contender.h"
#include "oko/oko.h"

namespace oko::bench {
namespace {

void check(oko_status status) {
  if (status != OKO_OK) throw std::runtime_error(oko_last_error());
}

class Oko : public Contender {
 public:
  explicit Oko(const Job& job) : input_(job.input), heads_(job.heads) {
    oko_model_options model_options{};
    model_options.struct_size = sizeof model_options;
    model_options.precision = job.precision == "int8" ? OKO_INT8 : OKO_FLOAT32;
    if (const char* target = std::getenv("OKO_BENCH_TARGET")) model_options.target = target;
    oko_model* model = nullptr;
    const std::string file = job.file(job.precision + ".oko");
    check(oko_model_open_file(file.c_str(), &model_options, &model));
    oko_detector_options options{};
    options.struct_size = sizeof options;
    options.threads = job.threads;
    const oko_status status = oko_detector_create(model, &options, &detector_);
    oko_model_close(model);
    check(status);
  }
  ~Oko() override { oko_detector_destroy(detector_); }
  Oko(const Oko&) = delete;
  Oko& operator=(const Oko&) = delete;

  void run() override {
    check(oko_run(detector_, input_.data(), input_.size()));
    const float* map = nullptr;
    std::size_t count = 0;
    for (std::size_t h = 0; h < heads_.size(); ++h) {
      check(oko_head_map(detector_, static_cast<std::int32_t>(h), &map, &count));
      heads_[h] = {map, count};
    }
  }

  std::vector<std::vector<float>> heads() override {
    std::vector<std::vector<float>> heads;
    for (const auto head : heads_) heads.emplace_back(head.begin(), head.end());
    return heads;
  }

 private:
  std::vector<float> input_;
  std::vector<std::span<const float>> heads_;
  oko_detector* detector_ = nullptr;
};

}  // namespace
}  // namespace oko::bench

int main(int argc, char** argv) {
  return oko::bench::serve(argc, argv,
                           [](const auto& job) { return std::make_unique<oko::bench::Oko>(job); });
}
