#include "oko/jobs/seen.h"

#include <atomic>
#include <thread>

#include "oko/base/error.h"
#include "oko/jobs/test_jobs.h"

namespace oko::jobs {
namespace {

// Of a machine that only this one reaches; its folder is a local one here.
class FarBackend final : public Backend {
 public:
  mutable std::atomic<int> asked{0}, together{0}, most_together{0};
  Observation observation;
  std::string_view name() const override { return "far"; }
  std::string_view about() const override { return ""; }
  std::string default_folder(const Spec&, const std::string&) const override { return ""; }
  void check(const Spec&) const override {}
  std::string preview(const Spec&) const override { return ""; }
  Json submit(const Spec&, Folder&, Progress&) const override { return {}; }
  Observation observe(const Spec&, const Json&) const override {
    ++asked;
    most_together = std::max(most_together.load(), ++together);
    for (int i = 0; i < 400 && most_together < 2; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    --together;
    return observation;
  }
  void cancel(const Spec&, const Json&) const override {}
  std::string engine_log(const Spec&, const Json&, int) const override { return ""; }
};

class SeenTest : public Jobs {
 protected:
  Job job(const std::string& id = "roses-1") {
    Job job;
    job.spec = spec();
    job.spec.id = id;
    job.spec.folder = file(id);
    job.engine = {{"job", 1}};
    job.backend = &far_;
    job.folder = open_folder(job.spec.folder);
    storage::write(file("registry/" + id + "/job.json"), json_file(to_json(job.spec)));
    job.folder->write(kSpecFile, json_file(to_json(job.spec)));
    return job;
  }
  static void put(const Job& job, Phase phase, double time) {
    State state;
    state.phase = phase;
    state.time = time;
    job.folder->write(kStateFile, to_json(state).dump());
  }
  static Seen seen(const Job& job) { return see_all(std::span(&job, 1)).front(); }

  FarBackend far_;
};

TEST_F(SeenTest, AJobThatHasEndedIsNotAskedAgainUntilItIsRetried) {
  Job one = job();
  put(one, Phase::kFailed, 1000);
  EXPECT_EQ(seen(one).status.standing, Standing::kFailed);
  std::filesystem::remove_all(one.spec.folder);  // as if its machine were off
  EXPECT_EQ(seen(one).status.standing, Standing::kFailed);
  EXPECT_EQ(seen(one).fault, "");
  one.engine = {{"job", 2}};  // a retry
  write_spec(one.spec);
  far_.observation.phase = Observation::Phase::kQueued;
  EXPECT_EQ(seen(one).status.standing, Standing::kQueued);
}

TEST_F(SeenTest, AJobThatCannotBeAskedIsShownAsItWasSeen) {
  const Job one = job();
  put(one, Phase::kRunning, wall_time());
  far_.observation.phase = Observation::Phase::kRunning;
  EXPECT_EQ(seen(one).status.standing, Standing::kRunning);
  far_.observation = {.phase = Observation::Phase::kUnreachable, .reason = "no route to host"};
  const Seen now = seen(one);
  EXPECT_EQ(now.status.standing, Standing::kRunning);
  EXPECT_EQ(now.fault, "no route to host");
  EXPECT_NEAR(now.time, wall_time(), 60);
}

TEST_F(SeenTest, AFileThatIsBrokenIsIgnored) {
  const Job one = job();
  far_.observation = {.phase = Observation::Phase::kUnreachable, .reason = "no route"};
  for (const char* const text : {"", "[]", "{", R"({"engine": {"job": 1}, "time": "x"})",
                                 R"({"engine": {"job": 1}, "time": 1, "state": "dancing"})"}) {
    storage::write(file("registry/roses-1/seen.json"), std::string_view(text));
    EXPECT_EQ(seen(one).status.standing, Standing::kUnknown) << text;
  }
}

TEST_F(SeenTest, JobsOfOtherMachinesAreNotRemembered) {
  const Job one = job();
  storage::remove(file("registry/roses-1/job.json"));
  put(one, Phase::kFailed, 1000);
  EXPECT_EQ(seen(one).status.standing, Standing::kFailed);
  EXPECT_FALSE(storage::exists(file("registry/roses-1/seen.json")));
}

TEST_F(SeenTest, AsksAllAtTheSameTime) {
  std::vector<Job> all;
  for (const char* const id : {"a", "b", "c", "d"}) all.push_back(job(id));
  far_.observation.phase = Observation::Phase::kQueued;
  EXPECT_EQ(see_all(all).size(), 4U);
  EXPECT_EQ(far_.asked, 4);
  EXPECT_GE(far_.most_together, 2);
}

}  // namespace
}  // namespace oko::jobs
