#include "oko/jobs/slurm/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"

namespace oko::jobs::slurm {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

const Cluster kCluster = {
    {{"gpu", true, 2880, 4, {{"nvidia_a100_80gb_pcie", 4}}},
     {"gpu", true, 2880, 2, {{"tesla_t4", 2}, {"nvidia_a100_80gb_pcie_mig", 1}}},
     {"cpu", true, 0, 100, {}},
     {"old", false, 0, 3, {{"k80", 2}}}},
    "cpu"};

Spec spec_on(const std::string& partition) {
  Spec spec;
  spec.id = "raccoon-1";
  spec.backend = "slurm";
  spec.folder = "/home/u/jobs/raccoon-1";
  spec.command = {"train", "photos"};
  if (!partition.empty()) spec.settings["partition"] = partition;
  return spec;
}

Error error_of(const Spec& spec) {
  try {
    check_settings(spec);
    fit(spec, kCluster);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error;
  }
  ADD_FAILURE() << "is accepted";
  return Error(ErrorCode::kFailed, "", "");
}

Request request(const Spec& spec) {
  return request_of(spec, fit(spec, kCluster), "/opt/oko/bin/oko",
                    "/home/u/jobs/raccoon-1/slurm.log");
}

TEST(SlurmCluster, GpusHaveTheClustersNames) {
  Spec spec = spec_on("gpu");
  spec.resources.gpus = 1;
  for (const auto& [wanted, name] :
       std::vector<std::pair<const char*, const char*>>{{"T4", "tesla_t4"},
                                                        {"A100 80GB", "nvidia_a100_80gb_pcie"},
                                                        {"a100-80gb", "nvidia_a100_80gb_pcie"},
                                                        {"", ""}}) {
    spec.resources.gpu_type = wanted;
    EXPECT_EQ(fit(spec, kCluster).gpu_type, name);
  }
}

TEST(SlurmCluster, WhatItDoesNotHaveIsRefusedWithWhatItHas) {
  const Error partition = error_of(spec_on("gpus"));
  EXPECT_EQ(partition.place(), "--partition");
  EXPECT_THAT(partition.what(), HasSubstr("gpu, cpu, old"));
  EXPECT_THAT(error_of(spec_on("old")).what(), HasSubstr("down"));

  Spec spec = spec_on("gpu");
  spec.resources.gpus = 1;
  spec.resources.gpu_type = "V100";
  EXPECT_THAT(error_of(spec).what(), HasSubstr("no node of the partition gpu has a V100"));
  EXPECT_THAT(error_of(spec).hint(), HasSubstr("nvidia_a100_80gb_pcie, nvidia_a100_80gb_pcie_mig"));
  spec.resources.gpu_type = "A10";  // not A100
  EXPECT_THAT(error_of(spec).what(), HasSubstr("has a A10"));
  spec.resources.gpu_type = "T4";
  spec.resources.gpus = 3;
  EXPECT_THAT(error_of(spec).what(), HasSubstr("they have at most 2"));
  spec.settings["partition"] = "cpu";
  spec.resources.gpu_type = "";
  EXPECT_THAT(error_of(spec).hint(), HasSubstr("no GPUs"));

  Spec wide = spec_on("gpu");
  wide.resources.workers = 7;
  EXPECT_THAT(error_of(wide).what(), HasSubstr("has 6 nodes, and 7 are needed"));
}

TEST(SlurmCluster, SeveralPartitionsAreTakenTogether) {
  Spec spec = spec_on("cpu,gpu");
  spec.resources.gpus = 1;
  spec.resources.gpu_type = "T4";
  EXPECT_EQ(fit(spec, kCluster).gpu_type, "tesla_t4");
  EXPECT_EQ(fit(spec, kCluster).minutes, 2880);  // so that any of them can take it
  EXPECT_THAT(error_of(spec_on("cpu,gpus")).what(), HasSubstr("\"gpus\" is unknown"));
  EXPECT_THAT(error_of(spec_on("cpu,")).what(), HasSubstr("\"\" is unknown"));
}

TEST(SlurmRequest, IsWhatSbatchNeeds) {
  Spec spec = spec_on("gpu");
  spec.resources.workers = 2;
  spec.resources.gpus = 1;
  spec.resources.gpu_type = "T4";
  spec.resources.max_hours = 1.5;
  spec.settings["cpu"] = "8";
  spec.settings["memory"] = "16G";
  spec.settings["setup"] = "module load cuda/12.4";
  spec.settings["sbatch"] = " --reservation=course  --exclude=n3 ";
  const Request made = request(spec);
  EXPECT_EQ(made.words, (std::vector<std::string>{
                            "sbatch", "--parsable", "--job-name=raccoon-1",
                            "--output=/home/u/jobs/raccoon-1/slurm.log", "--open-mode=append",
                            "--requeue", "--signal=TERM@120", "--nodes=2", "--ntasks-per-node=1",
                            "--cpus-per-task=8", "--mem=16G", "--gres=gpu:tesla_t4:1", "--time=95",
                            "--partition=gpu", "--reservation=course", "--exclude=n3"}));
  EXPECT_THAT(made.script, HasSubstr("\noko=/opt/oko/bin/oko\nmodule load cuda/12.4\n"));
  EXPECT_THAT(
      made.script,
      HasSubstr("srun --mpi=none --kill-on-bad-exit=0 --wait=0 --cpus-per-task=8 sh -c \"$worker\" "
                "\"$oko\" job run /home/u/jobs/raccoon-1 &\n"));
}

TEST(SlurmRequest, WorkersCanShareNodes) {
  Spec spec = spec_on("gpu");
  spec.resources.workers = 4;
  spec.resources.gpus = 1;
  spec.settings["nodes"] = "1";
  spec.settings["memory"] = "16Gi";
  const Request made = request(spec);
  for (const char* const word : {"--nodes=1", "--ntasks-per-node=4", "--mem=64G", "--gres=gpu:4"}) {
    EXPECT_THAT(made.words, Contains(word));
  }
  // Each takes the GPU of its LOCAL_RANK among all of the node's.
  EXPECT_THAT(made.script, Not(HasSubstr("--gpus-per-task")));
  for (const char* const nodes : {"0", "3", "8", "-1", "x", "1x"}) {
    spec.settings["nodes"] = nodes;
    EXPECT_EQ(error_of(spec).place(), "--nodes") << nodes;
  }
}

TEST(SlurmRequest, TheTimeOfOneStartIsThePartitionsAtMost) {
  Spec spec = spec_on("gpu");
  spec.resources.max_hours = 1000;
  EXPECT_THAT(request(spec).words, Contains("--time=2880"));
  spec.settings["partition"] = "cpu";
  EXPECT_THAT(request(spec).words, Contains("--time=60005"));
  spec.resources.max_hours = 1e300;
  EXPECT_THAT(request(spec).words, Contains("--time=525605"));
  spec.resources.max_hours = 0;
  EXPECT_THAT(request(spec).words, Not(Contains(HasSubstr("--time"))));
  // The warning comes in the middle of a start that is very short.
  EXPECT_THAT(request_of(
                  [&] {
                    spec.resources.max_hours = 1;
                    return spec;
                  }(),
                  Fit{"", 2}, "oko", "o")
                  .words,
              Contains("--signal=TERM@60"));
}

TEST(SlurmRequest, NothingCanBreakOutOfTheScript) {
  Spec spec = spec_on("");
  spec.folder = "/tmp/$(touch x)'\"\n; rm -rf %j `id`";
  spec.version = "1\nrm -rf /";
  const Request made = request_of(spec, {}, "/opt/it's $HOME/oko", "/tmp/a %j\n/slurm.log");
  EXPECT_THAT(made.words, Contains("--output=/tmp/a %%j\n/slurm.log"));
  EXPECT_THAT(made.script, HasSubstr("\noko='/opt/it'\\''s $HOME/oko'\n"));
  EXPECT_THAT(made.script, HasSubstr("job run '/tmp/$(touch x)'\\''\"\n; rm -rf %j `id`' &\n"));
  EXPECT_THAT(made.script, Not(HasSubstr("rm -rf /\n")));
}

TEST(SlurmRequest, SettingsAreChecked) {
  for (const auto& [name, value] :
       std::vector<std::pair<const char*, const char*>>{{"cpu", "0"},
                                                        {"cpu", "8x"},
                                                        {"memory", "lots"},
                                                        {"memory", "0"},
                                                        {"memory", "8GB"},
                                                        {"memory", "99999999999999999999"},
                                                        {"account", "a\nb"},
                                                        {"sbatch", "-n 3"},
                                                        {"sbatch", "--"},
                                                        {"sbatch", "--output=x"},
                                                        {"sbatch", "--outp=x"},
                                                        {"sbatch", "--no-requeue"},
                                                        {"sbatch", "--exclude=a script.sh"}}) {
    Spec spec = spec_on("cpu");
    spec.settings[name] = value;
    EXPECT_EQ(error_of(spec).place(), std::string("--") + name) << value;
  }
}

}  // namespace
}  // namespace oko::jobs::slurm
