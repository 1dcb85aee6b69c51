#include "oko/jobs/vertex/ai_platform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "oko/base/error.h"

namespace oko::jobs {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> split(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::string translated(const std::string& line) {
  std::string text;
  for (const std::string& word : translate_ai_platform(split(line)).words) {
    text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

std::vector<std::string> notes(const std::string& line) {
  return translate_ai_platform(split(line)).notes;
}

std::string refused(const std::string& line) {
  try {
    return "accepted: " + translated(line);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
}

TEST(AiPlatform, TermsBecomeThoseOfOko) {
  EXPECT_EQ(translated("my_Job_1 --scale-tier BASIC_GPU --package-path trainer --module-name "
                       "trainer.task --region us-central1 --job-dir gs://b/job --runtime-version "
                       "1.15 --python-version 3.7 --staging-bucket gs://b -- gs://b/voc "
                       "--epochs 50 --weights_stage stage.h5 --weights_final=final.h5"),
            "--name my-job-1 --region us-central1 --job-dir gs://b/job --gpus 1 --gpu-type T4 "
            "--on vertex -- train gs://b/voc --epochs 50");
}

TEST(AiPlatform, TheWordTrainingIsNoName) {
  EXPECT_EQ(translated("training my_Job_1 --scale-tier BASIC_GPU -- gs://b/voc"),
            translated("my_Job_1 --scale-tier BASIC_GPU -- gs://b/voc"));
}

TEST(AiPlatform, AForgottenDoubleDashIsNotAnOldTerm) {
  EXPECT_THAT(refused("train photos --epochs 3"), HasSubstr("follows after --"));
}

TEST(AiPlatform, JobsMayBeNamedAfterSwitches) {
  EXPECT_EQ(translated("-n --spot Job_2 --tier BASIC"), "-n --spot --name job-2 --on vertex");
}

TEST(AiPlatform, NotesSayWhatEachBecame) {
  const auto said = notes("--scale-tier=basic-gpu --module-name=t.task -- --weights_stage s.h5 d");
  EXPECT_THAT(said, Contains(HasSubstr("BASIC_GPU: one worker with a T4; it was a K80")));
  EXPECT_THAT(said, Contains(HasSubstr("--module-name: not needed")));
  EXPECT_THAT(said, Contains(HasSubstr("run/stage.oko")));
  EXPECT_THAT(said, Contains(HasSubstr("--on vertex")));
}

TEST(AiPlatform, TiersYieldToWhatIsGiven) {
  EXPECT_EQ(translated("--tier BASIC_GPU --gpu-type L4 --on ssh"),
            "--gpu-type L4 --on ssh --gpus 1");
  EXPECT_EQ(translated("--tier STANDARD_1 --on slurm"), "--on slurm --workers 5");
  EXPECT_EQ(translated("--tier basic"), "--on vertex");
}

TEST(AiPlatform, CustomClustersAreWorkersThatAreEqual) {
  EXPECT_EQ(translated("--scale-tier CUSTOM --master-machine-type n1-standard-8 "
                       "--master-accelerator count=2,type=nvidia-tesla-k80 --worker-count 3 "
                       "--worker-machine-type n1-standard-8 --parameter-server-count 2 "
                       "--parameter-server-machine-type n1-standard-4 --master-image-uri g/p/i"),
            "--machine n1-standard-8 --image g/p/i --gpus 2 --gpu-type T4 --workers 4 --on vertex");
  EXPECT_THAT(refused("--master-machine-type a --worker-machine-type b"),
              HasSubstr("all workers are equal"));
}

TEST(AiPlatform, TermsWithoutAMeaningAreRefused) {
  EXPECT_THAT(refused("--scale-tier BASIC_TPU"), HasSubstr("use BASIC_GPU"));
  EXPECT_THAT(refused("--scale-tier BASIC_GPUS"), HasSubstr("BASIC_GPU"));
  EXPECT_THAT(refused("--master-accelerator type=tpu-v3,count=8"), HasSubstr("TPU"));
  EXPECT_THAT(refused("--master-accelerator nvidia"), HasSubstr("count=1"));
  EXPECT_THAT(refused("--config job.yaml"), HasSubstr("flags"));
  EXPECT_THAT(refused("--kms-key k"), HasSubstr("encryption"));
  EXPECT_THAT(refused("--worker-count many"), HasSubstr("use 0 to 4095"));
  EXPECT_THAT(refused("--scale-tier -- x"), HasSubstr("has no value"));
  EXPECT_THAT(refused("--machine a --master-machine-type b"), HasSubstr("together with --machine"));
}

TEST(AiPlatform, OtherWordsStayAsTheyAre) {
  for (const char* line : {"", "--on vertex --job-dir gs://b/j --gpus 1 -- train d --epochs 3",
                           "--name x -- train d", "-- train d"}) {
    EXPECT_EQ(translated(line), line);
    EXPECT_THAT(notes(line), IsEmpty());
  }
}

}  // namespace
}  // namespace oko::jobs
