#include "oko/jobs/backend.h"

#include <cstdlib>

#include "oko/jobs/shell.h"
#include "oko/jobs/test_jobs.h"

// Slurm's commands are scripts here; tests/jobs/slurm has a real one.
namespace oko::jobs {
namespace {

using ::testing::HasSubstr;
using enum Observation::Phase;

class SlurmTest : public Jobs {
 protected:
  void SetUp() override {
    Jobs::SetUp();
    path_ = std::getenv("PATH");
    std::filesystem::create_directories(file("bin"));
    ::setenv("PATH", (file("bin") + ":/usr/bin:/bin").c_str(), 1);
    command("sinfo",
            R"(case "$*" in *%P*) echo 'low*';; *) echo 'low|up|2:00:00|4|gpu:t4:2';; esac)");
    command("sbatch", "for word in \"$@\"; do echo \"$word\" >> " + file("words") +
                          "; done; cat > " + file("script") + "; echo 4711");
    spec_ = spec();
    spec_.backend = "slurm";
    spec_.settings["program"] = "/opt/oko";
  }
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    Jobs::TearDown();
  }
  void command(const std::string& name, const std::string& body) const {
    script("bin/" + name, body + "\n");
  }
  Json submit() {
    const auto folder = slurm_.folder(spec_);
    NoProgress progress;
    return slurm_.submit(spec_, *folder, progress);
  }
  Observation observe() { return slurm_.observe(spec_, {{"job", 4711}}); }

  const Backend& slurm_ = backend_named("slurm");
  Spec spec_;
  std::string path_;
};

TEST_F(SlurmTest, SubmitsWhatThePreviewShows) {
  spec_.resources.gpus = 1;
  spec_.resources.gpu_type = "T4";
  slurm_.check(spec_);
  const std::string preview = slurm_.preview(spec_);
  EXPECT_FALSE(storage::exists(file("words")));  // nothing was sent
  EXPECT_EQ(submit(), Json({{"job", 4711}}));
  EXPECT_THAT(text("words"), HasSubstr("--output=" + file("job/slurm.log") + "\n"));
  EXPECT_THAT(text("words"), HasSubstr("--gres=gpu:t4:1\n"));
  std::string sent = "sbatch";
  for (std::string rest = text("words"); !rest.empty(); rest.erase(0, rest.find('\n') + 1)) {
    sent += " " + shell_word(rest.substr(0, rest.find('\n')));
  }
  EXPECT_EQ(preview.substr(0, preview.find('\n')), sent + " <<'END'");
  EXPECT_EQ(preview.substr(preview.find('\n') + 1), text("script") + "END\n");
  EXPECT_THAT(text("script"), HasSubstr("\noko=/opt/oko\n"));
}

TEST_F(SlurmTest, RefusalsAreSbatchsOwnWords) {
  command("sbatch",
          "echo 'sbatch: error: Batch job submission failed: Invalid qos specification' >&2; "
          "exit 1");
  try {
    submit();
    FAIL() << "was submitted";
  } catch (const Error& error) {
    EXPECT_EQ(error.place(), "sbatch");
    EXPECT_EQ(error.message(), "Batch job submission failed: Invalid qos specification");
    EXPECT_THAT(error.hint(), HasSubstr("--qos"));
  }
  command("sbatch", "cat > /dev/null; echo thanks");
  EXPECT_THROW(submit(), Error);
}

TEST_F(SlurmTest, AMachineWithoutSlurmIsNamed) {
  ::setenv("PATH", "/nonexistent", 1);
  try {
    slurm_.check(spec_);
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("sinfo: is not installed on this machine"));
    EXPECT_THAT(error.hint(), HasSubstr("--login USER@HOST"));
  }
  EXPECT_EQ(observe().phase, kUnreachable);
}

TEST_F(SlurmTest, AsksTheControllerThenAccounting) {
  command("scontrol", "echo \"JobId=4711 JobName=a JobState=RUNNING Reason=None Restarts=1\"");
  EXPECT_EQ(observe().phase, kRunning);
  EXPECT_EQ(observe().restarts, 1);
  // The controller has forgotten it.
  command("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
  command("sacct", "echo 'NODE_FAIL|0:0'");
  EXPECT_EQ(observe().phase, kEnded);
  EXPECT_EQ(observe().reason, "one of its nodes failed");
  command("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1");
  EXPECT_EQ(observe().phase, kGone);
  // It does not answer: nothing is known of the job.
  command("scontrol",
          "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect "
          "failure)' >&2; exit 1");
  EXPECT_EQ(observe().phase, kUnreachable);
  EXPECT_THAT(observe().reason, HasSubstr("Unable to contact slurm controller"));
}

// Of a script whose two workers end with these codes: "requeued" or "ended CODE".
TEST_F(SlurmTest, PutsAJobBackOnlyIfNoWorkerHasFailedForGood) {
  spec_.settings["program"] = script("worker", "exit $(cat " + file("code") + "-$SLURM_PROCID)\n");
  submit();
  // srun ends with the highest code.
  command("srun",
          "while [ \"$1\" != sh ]; do shift; done\n"
          "SLURM_PROCID=0 \"$@\"; a=$?; SLURM_PROCID=1 \"$@\"; b=$?; exit $((a > b ? a : b))");
  command("scontrol", "[ $1 != requeue ] || { echo requeued; kill -TERM $PPID; }");
  const auto end_with = [&](int first, int second) {
    storage::write(file("code-0"), std::string_view(std::to_string(first)));
    storage::write(file("code-1"), std::string_view(std::to_string(second)));
    const std::string run = "SLURM_JOB_ID=4711 SLURM_JOB_NODELIST=n bash " + file("script") + " >" +
                            file("printed") + " 2>&1; echo \"ended $?\" >>" + file("printed");
    EXPECT_EQ(std::system(run.c_str()), 0);
    const std::string printed = text("printed");
    if (printed.find("\nrequeued\n") != std::string::npos) return std::string("requeued");
    return printed.substr(printed.rfind("ended "));
  };
  EXPECT_EQ(end_with(0, 0), "ended 0\n");
  EXPECT_EQ(end_with(130, 130), "requeued");
  EXPECT_EQ(end_with(1, 130), "ended 1\n");  // it was stopped, and the other did not see why
  EXPECT_EQ(end_with(130, 3), "ended 3\n");
  EXPECT_EQ(end_with(2, 137), "ended 2\n");
  EXPECT_EQ(end_with(130, 126), "ended 1\n");
  EXPECT_EQ(end_with(130, 137), "requeued");  // the other was killed,
  EXPECT_EQ(end_with(130, 5), "requeued");    // or has lost its company
  EXPECT_EQ(end_with(137, 5), "ended 137\n");
  EXPECT_EQ(end_with(143, 0), "ended 143\n");
}

// With a real server in tests/jobs/slurm.
TEST_F(SlurmTest, ALoginNodeIsOneHost) {
  const auto refused = [&](const char* setting, const char* value) {
    Spec spec = spec_;
    spec.settings[setting] = value;
    try {
      slurm_.check(spec);
      ADD_FAILURE() << setting << " " << value << " is accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_EQ(error.place(), std::string("--") + setting);
    }
  };
  for (const char* const login : {"-oProxyCommand=id", "a,b", "a b", "me@", "a:0"}) {
    refused("login", login);
  }
  refused("identity", "key");  // without --login
  refused("remote-folder", "/scratch");
  EXPECT_TRUE(slurm_.sees_this_disk(spec_));
  spec_.settings["login"] = "me@cluster";
  EXPECT_FALSE(slurm_.sees_this_disk(spec_));
  EXPECT_EQ(slurm_.default_folder(spec_, file("registry")), ".oko/jobs/roses-1");
}

TEST_F(SlurmTest, CancelsByNumber) {
  command("scancel", "echo \"$@\" > " + file("cancelled"));
  slurm_.cancel(spec_, {{"job", 4711}});
  EXPECT_EQ(text("cancelled"), "4711\n");
  command("scancel", "echo 'scancel: error: Invalid job id 4711' >&2; exit 1");
  slurm_.cancel(spec_, {{"job", 4711}});  // it has ended
  command("scancel", "echo 'scancel: error: Access/permission denied' >&2; exit 1");
  EXPECT_THROW(slurm_.cancel(spec_, {{"job", 4711}}), Error);
}

TEST_F(SlurmTest, AJobInABucketHasItsLogInTheRegistry) {
  spec_.folder = "gs://photos/jobs/a";
  const std::string preview = slurm_.preview(spec_);
  EXPECT_THAT(preview, HasSubstr("--output=" + file("registry/roses-1/slurm.log")));
  std::filesystem::create_directories(file("registry/roses-1"));
  storage::write(file("registry/roses-1/slurm.log"), std::string_view("one\ntwo\nthree\n"));
  EXPECT_EQ(slurm_.engine_log(spec_, {{"job", 4711}}, 2), "two\nthree\n");
}

}  // namespace
}  // namespace oko::jobs
