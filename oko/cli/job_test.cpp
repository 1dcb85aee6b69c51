// `oko job` as typed; trainings are real in tests/jobs.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "oko/cli/job_command.h"
#include "oko/cli/test_command.h"
#include "oko/cli/test_model.h"
#include "oko/jobs/folder.h"
#include "oko/jobs/state.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class JobCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "job-command-" + std::to_string(::getpid());
    std::filesystem::remove_all(root_);
    ::setenv("OKO_JOBS", file("jobs").c_str(), 1);
    image::Picture picture{{48, 40}, std::vector<std::uint8_t>(48 * 40 * 3)};
    media::save(picture, file("photos/a.jpg"));
    storage::write(file("photos/a.txt"), std::string_view("0 .5 .5 .4 .4\n"));
    storage::write(file("photos/classes.txt"), std::string_view("rose\n"));
  }
  void TearDown() override {
    ::unsetenv("OKO_JOBS");
    std::filesystem::remove_all(root_);
  }
  std::string file(const std::string& name) const { return root_ + "/" + name; }
  static Outcome job(std::vector<std::string> words) {
    words.insert(words.begin(), "job");
    return oko_command(words);
  }
  // A job in the registry that nobody runs, with this state.
  void register_job(const std::string& id, jobs::Phase phase, int workers = 1) const {
    jobs::Spec spec;
    spec.id = id;
    spec.backend = "local";
    spec.folder = file("jobs/" + id);
    spec.command = {"train", file("photos")};
    spec.run = spec.folder + "/run";
    spec.price = 1.2;
    spec.resources.workers = workers;
    jobs::State state;
    state.phase = phase;
    state.ran = 3600;
    state.time = 4600;
    state.reason = "the training ended with code 3";
    state.last_lines = "epoch 1\nphotos/b.jpg: cannot be read\n";
    storage::write(spec.folder + "/job.json", jobs::to_json(spec).dump());
    storage::write(spec.folder + "/engine.json",
                   std::string_view(R"({"host": "x", "processes": []})"));
    storage::write(spec.folder + "/state.json", jobs::to_json(state).dump());
    storage::write(spec.folder + "/logs/worker-0.log", std::string_view("one\ntwo\nthree\n"));
  }

  std::string root_;
};

TEST_F(JobCommand, SubmitChecksTheTrainingFirst) {
  const auto fault = [](std::vector<std::string> words) {
    words.insert(words.begin(), "submit");
    const Outcome outcome = job(words);
    EXPECT_EQ(outcome.code, 2);
    return outcome.error;
  };
  EXPECT_THAT(fault({}), HasSubstr("no command given"));
  EXPECT_THAT(fault({"--", "detect", "x"}), HasSubstr("\"detect\" cannot be a job"));
  EXPECT_THAT(fault({"--", "train", "photos", "--epochz", "3"}), HasSubstr("--epochz"));
  EXPECT_THAT(fault({"--", "train", "photos", "--epochs", "-1"}), HasSubstr("--epochs"));
  EXPECT_THAT(fault({"--", "train", "--resume"}), HasSubstr("oko job retry"));
  EXPECT_THAT(fault({"--on", "slurn", "--", "train", "x"}), HasSubstr("did you mean slurm"));
  EXPECT_THAT(fault({"--spot", "--", "train", "x"}),
              HasSubstr("--spot: has no effect with --on local"));
  EXPECT_THAT(fault({"--hosts", "a", "--", "train", "x"}), HasSubstr("--hosts: has no effect"));
  EXPECT_THAT(fault({"--max-time", "5", "--", "train", "x"}), HasSubstr("write 90m"));
  EXPECT_THAT(fault({"--max-cost", "5", "--", "train", "x"}), HasSubstr("--price"));
  EXPECT_THAT(fault({"--name", "My Job", "--", "train", "x"}), HasSubstr("--name"));
  EXPECT_THAT(fault({"--gpu-type", "T5", "--", "train", "x"}), HasSubstr("--gpu-type"));
  EXPECT_FALSE(storage::exists(file("jobs")));
}

TEST_F(JobCommand, DryRunPrintsWhatWouldBeSentAndSendsNothing) {
  const Outcome outcome =
      job({"submit", "-n", "--name", "roses-1", "--", "train", file("photos"), "--epochs", "3"});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("job run " + file("jobs/roses-1")));
  EXPECT_FALSE(storage::exists(file("jobs")));
  register_job("tulips-1", jobs::Phase::kFailed);
  EXPECT_THAT(job({"submit", "-n", "--name", "tulips-1", "--", "train", file("photos")}).error,
              HasSubstr("there is already a job"));
}

TEST_F(JobCommand, SkyPilotGetsTheImageAndTheFilesOfThisMachine) {
  const auto task = [](std::vector<std::string> words) {
    words.insert(words.begin(), {"submit", "--format", "skypilot", "--name", "roses-1"});
    return job(words);
  };
  std::filesystem::rename(file("photos"), file("it's photos"));
  const Outcome sky = task({"--image", "docker.io/me/oko:1", "--job-dir", "gs://b/jobs/roses-1",
                            "--", "train", file("it's photos"), "--from", "none"});
  EXPECT_EQ(sky.code, 0) << sky.error;
  EXPECT_TRUE(sky.out.starts_with("name: \"roses-1\"\n")) << sky.out;
  EXPECT_THAT(sky.out, HasSubstr("\n  image_id: \"docker:docker.io/me/oko:1\"\n"));
  EXPECT_THAT(sky.out, HasSubstr("\nfile_mounts:\n  \"/tmp/oko-roses-1/0-it_s_photos\": \"" +
                                 file("it's photos") + "\"\nrun: |\n"));
  EXPECT_THAT(sky.out, HasSubstr(R"(\"train\",\"/tmp/oko-roses-1/0-it_s_photos\")"));
  EXPECT_THAT(sky.out, HasSubstr(R"(\"directory\":\"\")"));  // there is no folder of this machine
  EXPECT_THAT(sky.out, HasSubstr("\n  exec oko job run \"$OKO_FOLDER\""));
  const std::string run = sky.out.substr(sky.out.find("run: |\n") + 7);
  storage::write(file("run.sh"), std::string_view(run));
  EXPECT_EQ(std::system(("sh -n " + file("run.sh")).c_str()), 0);  // a valid script

  const std::vector<std::string> train = {"--", "train", file("it's photos"), "--from", "none"};
  const auto fault = [&](std::vector<std::string> words) {
    words.insert(words.end(), train.begin(), train.end());
    const Outcome outcome = task(words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    return outcome.error;
  };
  EXPECT_THAT(fault({"--job-dir", "gs://b/a"}),
              HasSubstr("--image: is needed with --format skypilot"));
  EXPECT_THAT(fault({"--image", "oko"}), HasSubstr("--job-dir: "));
  EXPECT_THAT(fault({"--image", "oko", "--partition", "x", "--job-dir", "gs://b/a"}),
              HasSubstr("--partition: has no effect with --format skypilot"));
  const Outcome missing =
      task({"--image", "oko", "--job-dir", "gs://b/a", "--", "train", file("none")});
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.error, HasSubstr("none"));
}

TEST_F(JobCommand, WordsOfTheTrainingAreKeptAndItsFilesAreFound) {
  const TrainCommand command = parse_train_command(
      {"train", file("photos"), "-o", file("out"), "--epochs=3",
       "--classes=" + file("photos/classes.txt"), "--no-augment", "--from", "none"});
  EXPECT_THAT(command.words,
              ElementsAre("train", file("photos"), "--epochs", "3", "--classes",
                          file("photos/classes.txt"), "--no-augment", "--from", "none"));
  EXPECT_EQ(command.out, file("out"));
  EXPECT_EQ(command.title, "photos");
  ASSERT_EQ(command.inputs.size(), 2U);
  EXPECT_EQ(command.inputs[0].name, "inputs/0-photos");
  EXPECT_EQ(command.inputs[0].word, 1U);
  EXPECT_TRUE(command.inputs[0].is_dataset);
  EXPECT_EQ(command.inputs[1].name, "inputs/1-classes.txt");
  EXPECT_EQ(command.inputs[1].word, 5U);
  EXPECT_FALSE(command.inputs[1].is_dataset);
}

TEST_F(JobCommand, KnownWeightsGoWithTheTraining) {
  ::setenv("XDG_CACHE_HOME", file("cache").c_str(), 1);
  const std::string cache = file("cache/oko/weights/");
  const auto parsed = [this](std::vector<std::string> words) {
    words.insert(words.begin(), {"train", file("photos")});
    return parse_train_command(words);
  };
  // By name, by "auto" and by nothing; of one file and of two.
  for (const auto& words : {std::vector<std::string>{"--network", "yolo-fastest"},
                            {"--network", "yolo-fastest", "--from=auto"},
                            {"--network", "yolo-fastest", "--from", "yolo-fastest-1.1"}}) {
    const TrainCommand command = parsed(words);
    EXPECT_THAT(command.words, ElementsAre("train", file("photos"), "--network", "yolo-fastest",
                                           "--from", "yolo-fastest-1.1"));
    ASSERT_EQ(command.inputs.size(), 2U);
    EXPECT_EQ(command.inputs[1].from, cache + "yolo-fastest-1.1.weights");
    EXPECT_EQ(command.inputs[1].name, "inputs/1-yolo-fastest-1.1.weights");
    EXPECT_EQ(command.inputs[1].word, 5U);
  }
  const TrainCommand two = parsed({"--network", "nanodet-plus"});
  ASSERT_EQ(two.inputs.size(), 3U);
  EXPECT_EQ(two.inputs[1].name, "inputs/1-nanodet-plus-coco-416.param");
  EXPECT_EQ(two.inputs[2].name, "inputs/1-nanodet-plus-coco-416.bin");
  EXPECT_EQ(two.inputs[2].from, cache + "nanodet-plus-coco-416.bin");
  EXPECT_FALSE(two.inputs[2].word);

  EXPECT_EQ(parsed({"--from", "none"}).inputs.size(), 1U);
  EXPECT_EQ(parsed({"--network", file("net.cfg")}).inputs.size(), 1U);
  // Nothing is fetched before it is needed, and what cannot be fetched stops the submission.
  EXPECT_FALSE(storage::exists(file("cache")));
  ::setenv("OKO_WEIGHTS_URL", file("mirror").c_str(), 1);
  const Outcome outcome = job({"submit", "--name", "roses-1", "--", "train", file("photos")});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.error, HasSubstr(file("mirror")));
  EXPECT_FALSE(storage::exists(file("jobs/roses-1")));
  ::unsetenv("OKO_WEIGHTS_URL");
  ::unsetenv("XDG_CACHE_HOME");
}

TEST_F(JobCommand, FilesTakeWithThemWhatTheyFindBesideThemselves) {
  for (const char* name : {"net.param", "net.bin"}) storage::write(file(name), std::string_view());
  const TrainCommand command =
      parse_train_command({"train", file("photos"), "--from", file("net.param")});
  ASSERT_EQ(command.inputs.size(), 3U);
  EXPECT_EQ(command.inputs[1].name, "inputs/1-net.param");
  EXPECT_EQ(command.inputs[2].name, "inputs/1-net.bin");
  EXPECT_FALSE(command.inputs[2].word);
}

TEST_F(JobCommand, FilesThatOnlyTheRecipeNamesAreFound) {
  storage::write(file("run.toml"), "[data]\ndataset = \"" + file("photos") + "\"\nclasses = \"" +
                                       file("photos/classes.txt") +
                                       "\"\n[network]\nfrom = \"none\"\n");
  const TrainCommand command = parse_train_command({"train", "--recipe", file("run.toml")});
  EXPECT_EQ(command.title, "photos");
  ASSERT_EQ(command.inputs.size(), 3U);
  EXPECT_EQ(command.inputs[1].from, file("photos"));
  EXPECT_TRUE(command.inputs[1].is_dataset);
  EXPECT_EQ(command.words[command.inputs[2].word.value() - 1], "--classes");
}

#if OKO_HAS_TRAINING
TEST_F(JobCommand, WhatTheTrainingWouldRefuseIsNeverSubmitted) {
  const auto fault = [this](std::vector<std::string> words) {
    words.insert(words.begin(), {"submit", "--name", "roses-1", "--", "train"});
    const Outcome outcome = job(words);
    EXPECT_NE(outcome.code, 0);
    EXPECT_FALSE(storage::exists(file("jobs/roses-1/job.json")));
    return outcome.error;
  };
  EXPECT_THAT(fault({file("fotos")}), HasSubstr("no such dataset"));
  EXPECT_THAT(fault({file("photos"), "--width", "97"}), HasSubstr("97"));
  EXPECT_THAT(fault({file("photos"), "--network", "yolov33"}), HasSubstr("yolov33"));
  EXPECT_THAT(fault({file("photos"), "--from", file("none.weights")}), HasSubstr("none.weights"));
  const Outcome inside = job({"submit", "--name", "roses-1", "--job-dir", file("photos/job"), "--",
                              "train", file("photos")});
  EXPECT_THAT(inside.error, HasSubstr("dataset"));
  EXPECT_FALSE(storage::exists(file("photos/job")));
  EXPECT_THAT(fault({file("photos"), "--mosaic", ".5", "--no-augment"}), HasSubstr("--mosaic"));
}
#endif

TEST_F(JobCommand, DataOfOtherMachinesNeedsItsWholePath) {
  const Context context;
  const auto check = [&](const std::string& dataset) {
    check_training(parse_train_command({"train", dataset}), {}, jobs::backend_named("ssh"),
                   context);
  };
  EXPECT_THROW(check("fotos"), Error);
  ::testing::internal::CaptureStdout();
  EXPECT_NO_THROW(check("/data/fotos"));
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("was not checked"));
}

TEST_F(JobCommand, IsStartedAgainByOneAtATime) {
  register_job("roses-1", jobs::Phase::kStopped);
  const auto lock = [this](double time) {
    storage::write(file("jobs/roses-1/retry.json"), Json{{"who", "me@box"}, {"time", time}}.dump());
    return job({"retry", "roses-1", "--max-time", "30m"}).error;
  };
  EXPECT_THAT(lock(jobs::wall_time()), HasSubstr("is being started again by me@box"));
  EXPECT_TRUE(storage::exists(file("jobs/roses-1/retry.json")));
  EXPECT_THAT(lock(1000), HasSubstr("already run"));  // of one that was killed
  EXPECT_FALSE(storage::exists(file("jobs/roses-1/retry.json")));
}

TEST_F(JobCommand, IsNotStartedAgainWithoutItsFolder) {
  register_job("roses-1", jobs::Phase::kStopped);
  Json spec = parse_json(storage::read_text(file("jobs/roses-1/job.json")), "job.json");
  spec["folder"] = file("unmounted");
  storage::write(file("jobs/roses-1/job.json"), spec.dump());
  const Outcome outcome = job({"retry", "roses-1"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("unmounted: the job's folder is not there"));
  EXPECT_FALSE(storage::exists(file("unmounted")));
}

TEST_F(JobCommand, ADatasetThatRefersElsewhereCannotBeCopied) {
  EXPECT_NO_THROW(check_copy_is_complete(file("photos")));
  EXPECT_THROW(check_copy_is_complete(file("photos/a.txt")), Error);
}

TEST_F(JobCommand, ShowsWhyAJobFailed) {
  register_job("roses-1", jobs::Phase::kFailed);
  const Outcome list = job({"list"});
  EXPECT_THAT(list.out, HasSubstr("roses-1"));
  EXPECT_THAT(list.out, HasSubstr("failed"));
  EXPECT_THAT(list.out, HasSubstr("$1.20"));
  EXPECT_THAT(list.out, HasSubstr("1 h  $1.20"));
  const Outcome show = job({"show", "roses"});
  EXPECT_THAT(show.out, HasSubstr("state     failed: the training ended with code 3\n"));
  EXPECT_THAT(show.out, HasSubstr("  photos/b.jpg: cannot be read\n"));
  const Json json = parse_json(job({"show", "roses", "--json"}).out, "output");
  EXPECT_EQ(json["state"], "failed");
  EXPECT_EQ(json["may_be_charged"], false);
  EXPECT_EQ(job({"wait", "roses"}).code, 1);
  EXPECT_EQ(job({"logs", "roses"}).out, "one\ntwo\nthree\n");
  EXPECT_EQ(job({"logs", "-f", "-n", "2", "roses"}).out, "two\nthree\n");
  EXPECT_THAT(job({"cancel", "roses"}).out, HasSubstr("has already ended: failed"));
  EXPECT_THAT(job({"show", "tulips"}).error, HasSubstr("there is no such job"));
}

TEST_F(JobCommand, RetryNeedsSomethingToDoAndMoneyLeft) {
  register_job("roses-1", jobs::Phase::kStopped);
  EXPECT_THAT(job({"retry", "roses-1", "--max-time", "30m"}).error,
              HasSubstr("already run for 1 h of 30 min"));
  EXPECT_THAT(job({"retry", "roses-1", "--max-cost", "1"}).error, HasSubstr("already cost $1.20"));
  storage::write(file("jobs/roses-1/done.json"), std::string_view("{}"));
  EXPECT_THAT(job({"retry", "roses-1"}).error, HasSubstr("has succeeded"));
}

TEST_F(JobCommand, ABundleIsNoOtherKindOfArchive) {
  const Outcome outcome = job({"bundle", file("oko.zip")});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("neither a .tar.gz nor a .tar"));
  EXPECT_FALSE(storage::exists(file("oko.zip")));
}

TEST_F(JobCommand, FetchCopiesTheModelsAndNothingElse) {
  register_job("roses-1", jobs::Phase::kFailed);
  EXPECT_EQ(job({"fetch", "roses-1", "-o", file("out")}).code, 3);
  for (const char* const name : {"model.oko", "run.toml", "checkpoints/step-1.oko"}) {
    storage::write(file(std::string("jobs/roses-1/run/") + name), std::string_view("x"));
  }
  EXPECT_EQ(job({"fetch", "roses-1", "-o", file("out")}).code, 0);
  EXPECT_TRUE(storage::exists(file("out/model.oko")));
  EXPECT_FALSE(storage::exists(file("out/checkpoints")));
  EXPECT_EQ(job({"fetch", "--all", "roses-1", "-o", file("all")}).code, 0);
  EXPECT_TRUE(storage::exists(file("all/checkpoints/step-1.oko")));
}

TEST_F(JobCommand, FetchAgainReplacesOnlyWhatTheJobHasChanged) {
  register_job("roses-1", jobs::Phase::kFailed);
  const auto put = [&](const std::string& name, std::string_view text) {
    storage::write(file("jobs/roses-1/run/" + name), text);
  };
  const auto fetch = [&] { return job({"fetch", "roses-1", "-o", file("out")}); };
  for (const char* const name : {"model.oko", "stage.oko", "run.toml"}) put(name, "one");
  EXPECT_THAT(fetch().out, HasSubstr("new       " + file("out/model.oko") + "\n"));
  put("model.oko", "two");
  put("stage.oko", "two");
  storage::write(file("out/stage.oko"), std::string_view("my own"));
  const Outcome again = fetch();
  EXPECT_EQ(again.code, 0) << again.error;
  EXPECT_THAT(again.out, HasSubstr("updated   " + file("out/model.oko") + "\n"));
  EXPECT_THAT(again.out, HasSubstr("kept      " + file("out/stage.oko") + ": it was changed here"));
  EXPECT_THAT(again.out, HasSubstr("unchanged " + file("out/run.toml") + "\n"));
  EXPECT_EQ(storage::read_text(file("out/model.oko")), "two");
  EXPECT_EQ(storage::read_text(file("out/stage.oko")), "my own");
  register_job("tulips-1", jobs::Phase::kFailed);
  EXPECT_THAT(job({"fetch", "tulips-1", "-o", file("out")}).error,
              HasSubstr("has the files of another job, roses-1"));
  storage::write(file("run/run.toml"), std::string_view("x"));
  EXPECT_THAT(job({"fetch", "roses-1", "-o", file("run")}).error,
              HasSubstr("already contains a run"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(file("out")), {}), 4);  // no scratch
}

TEST_F(JobCommand, FetchWhileItRunsSaysSo) {
  register_job("roses-1", jobs::Phase::kRunning);
  storage::write(file("jobs/roses-1/run/stage.oko"), std::string_view("x"));
  EXPECT_THAT(job({"fetch", "roses-1", "-o", file("out")}).out, HasSubstr("fetch again"));
}

TEST_F(JobCommand, ListTakesTheFolderOfOneJobAndRefusesOneThatIsNotThere) {
  register_job("roses-1", jobs::Phase::kFailed);
  register_job("tulips-1", jobs::Phase::kFailed);
  const Outcome one = job({"list", file("jobs/roses-1")});
  EXPECT_THAT(one.out, HasSubstr("roses-1"));
  EXPECT_THAT(one.out, Not(HasSubstr("tulips-1")));
  EXPECT_EQ(job({"list", file("jabs")}).code, 3);
  EXPECT_THAT(job({"list", file("photos")}).out, HasSubstr("no jobs in "));
}

TEST_F(JobCommand, LogsOfAWorkerThatIsNotThereAreExplained) {
  register_job("roses-1", jobs::Phase::kFailed, 2);
  const Outcome none = job({"logs", "--worker", "7", "roses-1"});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.error, HasSubstr("--worker: roses-1 has no worker 7\n  hint: use 0 … 1"));
  const Outcome silent = job({"logs", "--worker", "1", "roses-1"});
  EXPECT_EQ(silent.code, 0);
  EXPECT_THAT(silent.error, HasSubstr("worker 1 of roses-1 has written nothing"));
}

TEST_F(JobCommand, ShowEndsWithWhatToDoNext) {
  register_job("roses-1", jobs::Phase::kFailed);
  EXPECT_THAT(job({"show", "roses-1"}).out,
              HasSubstr("\nnext      oko job logs -n 100 roses-1\n"
                        "          oko job retry roses-1   # when its cause is removed\n"));
  register_job("lilies-1", jobs::Phase::kRunning);  // but nobody runs it
  const std::string lost = job({"show", "lilies-1"}).out;
  EXPECT_THAT(lost, HasSubstr("state     lost: "));
  EXPECT_THAT(lost, HasSubstr("\nnext      oko job retry lilies-1\n"));
  EXPECT_EQ(lost.find("oko job retry"), lost.rfind("oko job retry")) << lost;
  register_job("tulips-1", jobs::Phase::kCancelled);
  EXPECT_THAT(job({"show", "tulips-1"}).out, HasSubstr("\nnext      oko job retry tulips-1\n"));
  storage::write(file("jobs/tulips-1/done.json"), std::string_view("{}"));
  EXPECT_THAT(job({"show", "tulips-1"}).out,
              HasSubstr("\nnext      oko detect " + file("jobs/tulips-1/run/model.oko")));
}

}  // namespace
}  // namespace oko::cli
