#include "oko/jobs/vertex/machines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"

namespace oko::jobs::vertex {
namespace {

using ::testing::HasSubstr;

Resources resources(int gpus, std::string gpu, std::string machine = {}) {
  Resources resources;
  resources.gpus = gpus;
  resources.gpu_type = std::move(gpu);
  resources.machine = std::move(machine);
  return resources;
}

std::string refused(const Resources& resources) {
  try {
    return "accepted: " + machine_for(resources).type;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
}

TEST(Machine, IsTheUsualOneForItsGpus) {
  const std::tuple<int, const char*, const char*, const char*> cases[] = {
      {1, "T4", "n1-standard-8", "NVIDIA_TESLA_T4"},
      {2, "T4", "n1-standard-16", "NVIDIA_TESLA_T4"},
      {1, "L4", "g2-standard-8", "NVIDIA_L4"},
      {4, "L4", "g2-standard-48", "NVIDIA_L4"},
      {8, "V100", "n1-standard-64", "NVIDIA_TESLA_V100"},
      {2, "A100", "a2-highgpu-2g", "NVIDIA_TESLA_A100"},
      {1, "A100 80GB", "a2-ultragpu-1g", "NVIDIA_A100_80GB"},
      {8, "H200", "a3-ultragpu-8g", "NVIDIA_H200_141GB"},
      {1, "", "n1-standard-8", "NVIDIA_TESLA_T4"},
  };
  for (const auto& [gpus, gpu, type, accelerator] : cases) {
    const Machine machine = machine_for(resources(gpus, gpu));
    EXPECT_EQ(machine.type, type) << gpu;
    EXPECT_EQ(machine.accelerator, accelerator);
    EXPECT_EQ(machine.accelerators, gpus);
  }
  EXPECT_EQ(machine_for({}).type, "n1-standard-8");
  EXPECT_EQ(machine_for({}).accelerators, 0);
}

TEST(Machine, MayBeNamedIfItCanHaveTheGpus) {
  EXPECT_EQ(machine_for(resources(1, "T4", "n1-highmem-4")).type, "n1-highmem-4");
  EXPECT_EQ(machine_for(resources(1, "L4", "g2-standard-32")).type, "g2-standard-32");
  EXPECT_EQ(machine_for(resources(4, "", "a2-ultragpu-4g")).accelerator, "NVIDIA_A100_80GB");
}

TEST(Machine, IsRefusedNamingThePossibleOnes) {
  EXPECT_THAT(refused(resources(1, "T4", "g2-standard-8")),
              HasSubstr("use a machine of the N1 series, such as n1-standard-8"));
  EXPECT_THAT(refused(resources(1, "L4", "n1-standard-8")),
              HasSubstr("use g2-standard-8, g2-standard-4, g2-standard-12, g2-standard-16 or "
                        "g2-standard-32"));
  EXPECT_THAT(refused(resources(3, "T4")), HasSubstr("use 1, 2 or 4"));
  EXPECT_THAT(refused(resources(1, "RTX 4090")), HasSubstr("L4"));
  EXPECT_THAT(refused(resources(0, "", "a2-ultragpu-2g")),
              HasSubstr("add --gpus 2 --gpu-type A100-80GB"));
  EXPECT_THAT(refused(resources(0, "T4")), HasSubstr("add --gpus 1"));
  EXPECT_THAT(refused(resources(0, "", "n1/../x")), HasSubstr("is not a machine type"));
}

TEST(Machine, NamesTheQuotasThatItUses) {
  Resources wanted = resources(2, "A100 80GB");
  EXPECT_EQ(machine_for(wanted).gpu_quota, "custom_model_training_nvidia_a100_80gb_gpus");
  EXPECT_EQ(machine_for(wanted).cpu_quota, "");  // A2 machines have one of their own
  wanted = resources(1, "T4");
  wanted.spot = true;
  EXPECT_EQ(machine_for(wanted).gpu_quota, "custom_model_training_preemptible_nvidia_t4_gpus");
  EXPECT_EQ(machine_for(wanted).cpu_quota, "custom_model_training_preemptible_cpus");
  EXPECT_EQ(machine_for(wanted).cpus, 8);
}

}  // namespace
}  // namespace oko::jobs::vertex
