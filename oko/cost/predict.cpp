#include "oko/cost/predict.h"

#include <algorithm>

namespace oko::cost {
namespace {

constexpr Range kVcpuPerCore{1, 1.5, 2.5};     // time on a virtual CPU, relative to a core here
constexpr Range kUnknownVcpus{16, 8, 4};       // for each GPU, where a table does not say
constexpr Range kForward{1. / 4, 1. / 3, .5};  // of the time that training takes
// 32 bits on GPUs with tensor cores: 1.9 times as long on an A100 (TF32), 2.8 times on a V100
// (DeepLearningExamples 729963dd, SSD300).
constexpr Range kFullPrecision{1.5, 2.2, 3};
constexpr Range kWithinMachine{.91, .97, 1}, kBetweenMachines{.6, .85, .95};
// CUDA and its libraries take memory of their own.
constexpr double kReservedGb = 1;

Range larger(const Range& a, const Range& b) {
  return {std::max(a.low, b.low), std::max(a.likely, b.likely), std::max(a.high, b.high)};
}

Range gpu_seconds(const Workload& run, const Gpu& gpu, const std::optional<Measured>& measured) {
  if (measured) {
    const Gpu& on = gpu_named(measured->gpu, "--measured");
    return seconds_per_image(run.operations, gpu, on, measured->seconds_per_image, run.batch);
  }
  const Range seconds = seconds_per_image(run.operations, gpu, run.batch);
  return gpu.half && !run.half ? seconds * kFullPrecision : seconds;
}

// Times for work that takes a core here one second.
Range on_vcpus(int vcpus, int gpus_per_machine) {
  const Range count =
      vcpus > 0 ? exactly(vcpus) : kUnknownVcpus * static_cast<double>(gpus_per_machine);
  return {kVcpuPerCore.low / count.low, kVcpuPerCore.likely / count.likely,
          kVcpuPerCore.high / count.high};
}

Range of_all_epochs(const Workload& run, const Range& train, const Range& validate) {
  const Range epoch =
      train * static_cast<double>(run.images) + validate * static_cast<double>(run.val_images);
  return epoch * run.epochs;
}

}  // namespace

Prediction predict_here(const Workload& run, const Probe& probe) {
  Prediction prediction;
  prediction.seconds = of_all_epochs(run, probe.train, probe.validate);
  // The network and the loader share the cores here; on a GPU, waiting is part of the time.
  prediction.waits_for_images = probe.load / probe.cores > .5 * probe.train.likely;
  return prediction;
}

Prediction predict(const Workload& run, const Gpu& gpu, int gpus_per_machine, int vcpus,
                   const std::optional<Probe>& probe, const std::optional<Measured>& measured) {
  const Range gpu_time = gpu_seconds(run, gpu, measured);
  const Range vcpu_time = on_vcpus(vcpus, gpus_per_machine);
  const int machines = (run.workers + gpus_per_machine - 1) / gpus_per_machine;
  const Range together = speedup(run.workers, gpus_per_machine);
  const Range computing = gpu_time / together;
  const Range loading = vcpu_time * (probe ? probe->load / machines : 0);
  const Range validating =
      gpu_time * kForward / together + vcpu_time * (probe ? probe->judge / machines : 0);
  Prediction prediction;
  prediction.seconds = of_all_epochs(run, larger(computing, loading), validating);
  prediction.waits_for_images = loading.likely > computing.likely;
  const double need = gpu.half && run.half ? run.half_gb : run.full_gb;
  prediction.fits = need + kReservedGb <= gpu.memory_gb;
  return prediction;
}

Range speedup(int workers, int gpus_per_machine) {
  if (workers == 1) return exactly(1);
  const Range within = gpus_per_machine > 1 ? kWithinMachine : exactly(1);
  const Range between = workers > gpus_per_machine ? kBetweenMachines : exactly(1);
  return within * between * static_cast<double>(workers);
}

}  // namespace oko::cost
