#include "oko/jobs/kubernetes/backend.h"

#include <gmock/gmock.h>

#include "oko/jobs/kubernetes/test_cluster.h"
#include "oko/jobs/kubernetes/test_spec.h"

namespace oko::jobs::kubernetes {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Phase = Observation::Phase;

// Keeps the lines.
class Lines final : public Progress {
 public:
  void begin(std::string_view, std::uint64_t, std::string_view) override {}
  void advance(std::uint64_t) override {}
  void note(std::string_view) override {}
  void end() override {}
  void line(std::string_view text) override { lines.emplace_back(text); }
  std::vector<std::string> lines;
};

class BackendTest : public ClusterTest {
 protected:
  Json submit(const Spec& spec) {
    const auto folder = open_folder((folder_ / "job").string());
    return backend_.submit(spec, *folder, lines_);
  }
  // The job as its controller would describe it.
  void set_status(Json status) {
    Json job = *server_.object(kJob);
    job["status"] = std::move(status);
    server_.put(kJob, std::move(job));
  }
  void add_pod(const std::string& name, const std::string& phase, const std::string& created) {
    server_.put(
        core_path("ml", "pods", name),
        {{"metadata", {{"labels", {{"job-name", "raccoon-1"}}}, {"creationTimestamp", created}}},
         {"status", {{"phase", phase}}}});
  }

  const std::string kJob = jobs_path("ml", "raccoon-1");
  KubernetesBackend backend_{environment(), quick()};
  Lines lines_;
};

TEST_F(BackendTest, SubmitsObservesAndCancels) {
  const Json engine = submit(test_spec());
  EXPECT_EQ(engine["namespace"], "ml");
  EXPECT_EQ(engine["name"], "raccoon-1");
  EXPECT_THAT(lines_.lines, IsEmpty());
  EXPECT_EQ(backend_.observe(test_spec(), engine).phase, Phase::kQueued);
  add_pod("raccoon-1-a", "Running", "2026-11-29T20:00:00Z");
  add_pod("other", "Pending", "2026-11-29T20:00:00Z");
  EXPECT_EQ(backend_.observe(test_spec(), engine).phase, Phase::kRunning);
  backend_.cancel(test_spec(), engine);
  EXPECT_THAT(server_.requests().back().body,
              AllOf(HasSubstr("Foreground"), HasSubstr(engine["uid"].get<std::string>())));
  EXPECT_EQ(backend_.observe(test_spec(), engine).phase, Phase::kGone);
  EXPECT_NO_THROW(backend_.cancel(test_spec(), engine));  // it has ended
}

TEST_F(BackendTest, ChecksWithoutCreating) {
  backend_.check(test_spec());
  EXPECT_FALSE(server_.object(kJob).has_value());
  EXPECT_THAT(server_.requests().back().request,
              AllOf(HasSubstr("dryRun=All"), HasSubstr("fieldValidation=Strict")));
}

TEST_F(BackendTest, PreviewIsWhatIsSent) {
  Spec spec = test_spec();
  spec.resources.workers = 2;
  const std::string preview = backend_.preview(spec);
  EXPECT_THAT(server_.requests(), IsEmpty());
  const Json engine = submit(spec);
  std::string sent;
  for (const auto& seen : server_.requests()) {
    sent += (sent.empty() ? "" : "\n") + std::string("POST ") + server_.url() +
            seen.request.substr(5) + "\n" + parse_json(seen.body, "body").dump(2) + "\n";
  }
  const std::string uid = engine["uid"].get<std::string>();
  sent.replace(sent.find(uid), uid.size(), "UID-OF-THE-JOB");
  EXPECT_EQ(preview, sent);
}

TEST_F(BackendTest, AJobThatIsThereAlreadyIsTheJob) {
  const Json first = submit(test_spec());  // its answer was lost, say
  EXPECT_EQ(submit(test_spec())["uid"], first["uid"]);
}

TEST_F(BackendTest, AnEarlierRunMakesRoom) {
  const Json first = submit(test_spec());
  set_status({{"conditions", {{{"type", "Failed"}, {"status", "True"}}}}});
  const Json second = submit(test_spec());
  EXPECT_NE(second["uid"], first["uid"]);
  EXPECT_EQ(backend_.observe(test_spec(), first).phase, Phase::kGone);
  backend_.cancel(test_spec(), first);  // of another job by now
  EXPECT_TRUE(server_.object(kJob).has_value());
}

TEST_F(BackendTest, SomeoneElsesJobStays) {
  server_.put(kJob, {{"metadata", {{"annotations", {{"oko/folder", "gs://other"}}}}}});
  EXPECT_THAT(error_of([&] { backend_.check(test_spec()); }), HasSubstr("--name"));
  EXPECT_THAT(error_of([&] { submit(test_spec()); }), HasSubstr("--name"));
  EXPECT_TRUE(server_.object(kJob).has_value());
}

TEST_F(BackendTest, AnOldServerIsToldOf) {
  server_.forget_field("/spec/podFailurePolicy");
  submit(test_spec());
  EXPECT_THAT(lines_.lines, ElementsAre(HasSubstr("podFailurePolicy")));
}

TEST_F(BackendTest, SeveralWorkersGetAServiceThatGoesWithTheJob) {
  Spec spec = test_spec();
  spec.resources.workers = 2;
  const Json engine = submit(spec);
  const auto service = server_.object(core_path("ml", "services", "raccoon-1"));
  ASSERT_TRUE(service.has_value());
  EXPECT_EQ((*service)["metadata"]["ownerReferences"][0]["uid"], engine["uid"]);
}

TEST_F(BackendTest, WorkersThatCannotFindEachOtherAreNotStarted) {
  Spec spec = test_spec();
  spec.resources.workers = 2;
  server_.forget_field("/spec/completionMode");
  EXPECT_THAT(error_of([&] { backend_.check(spec); }), HasSubstr("too old for several workers"));
  EXPECT_THAT(error_of([&] { submit(spec); }), HasSubstr("too old for several workers"));
  EXPECT_FALSE(server_.object(kJob).has_value());
}

TEST_F(BackendTest, TheLogIsOfTheNewestPodThatWroteOne) {
  const Json engine = submit(test_spec());
  add_pod("raccoon-1-a", "Failed", "2026-11-29T20:00:00Z");
  add_pod("raccoon-1-b", "Failed", "2026-11-29T20:01:00Z");
  add_pod("raccoon-1-c", "Pending", "2026-11-29T20:02:00Z");
  EXPECT_EQ(backend_.engine_log(test_spec(), engine, 10), "");
  server_.set_log("raccoon-1-a", "old\n");
  server_.set_log("raccoon-1-b", "new\n");
  EXPECT_EQ(backend_.engine_log(test_spec(), engine, 10), "new\n");
  EXPECT_THAT(server_.requests().back().request,
              AllOf(HasSubstr("tailLines=10"), HasSubstr("container=oko")));
}

TEST_F(BackendTest, AClusterThatDoesNotAnswerIsUnreachable) {
  const Json engine = submit(test_spec());
  server_.accept_token("another");
  const Observation seen = backend_.observe(test_spec(), engine);
  EXPECT_EQ(seen.phase, Phase::kUnreachable);
  EXPECT_THAT(seen.reason, HasSubstr("401"));
  EXPECT_THAT(seen.hint, HasSubstr("log in"));
}

TEST_F(BackendTest, AnotherClusterIsNotTakenForTheJobs) {
  Json engine = submit(test_spec());
  engine["server"] = "https://elsewhere";
  EXPECT_EQ(backend_.observe(test_spec(), engine).phase, Phase::kQueued);  // another address of it
  engine["uid"] = "none of its";
  EXPECT_EQ(backend_.observe(test_spec(), engine).phase, Phase::kUnreachable);
  EXPECT_THAT(error_of([&] { backend_.cancel(test_spec(), engine); }),
              HasSubstr("https://elsewhere"));
}

TEST_F(BackendTest, TheFolderMustBeWhereWorkersReachIt) {
  Spec spec = test_spec();
  EXPECT_THAT(error_of([&] { backend_.default_folder(spec, "/registry"); }), HasSubstr("gs://"));
  spec.folder = "/home/me/job";
  EXPECT_THAT(error_of([&] { backend_.check(spec); }), HasSubstr("--job-dir"));
  spec.settings["volume"] = "photos:" + folder_.string();
  EXPECT_THAT(error_of([&] { backend_.check(spec); }), HasSubstr("--job-dir"));
  spec.folder = folder_.string() + "/../job";
  EXPECT_THAT(error_of([&] { backend_.check(spec); }), HasSubstr("--job-dir"));
  spec.folder = backend_.default_folder(spec, "/registry");
  EXPECT_EQ(spec.folder, folder_.string() + "/oko-jobs/raccoon-1");
  EXPECT_THAT(error_of([&] { backend_.check(spec); }), HasSubstr("no claim photos"));
  server_.put(core_path("ml", "persistentvolumeclaims", "photos"), Json::object());
  EXPECT_EQ(error_of([&] { backend_.check(spec); }), "");
}

TEST(Cloud, FollowsFromTheKubeconfig) {
  Access access;
  const auto cloud = [&] { return cloud_of(Options{}, access); };
  access.server = "https://10.0.0.1:6443";
  EXPECT_EQ(cloud(), Cloud::kOther);
  access.context = "gke_project_europe-west4_main";
  EXPECT_EQ(cloud(), Cloud::kGke);
  access.server = "https://0123.gr7.eu-central-1.eks.amazonaws.com";
  EXPECT_EQ(cloud(), Cloud::kEks);
  access.server = "https://x-dns-1.hcp.westeurope.azmk8s.io:443";
  EXPECT_EQ(cloud(), Cloud::kAks);
  Options options;
  options.cloud = "other";
  EXPECT_EQ(cloud_of(options, access), Cloud::kOther);
}

}  // namespace
}  // namespace oko::jobs::kubernetes
