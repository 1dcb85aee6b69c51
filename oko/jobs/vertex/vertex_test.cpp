#include "oko/jobs/vertex/vertex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/jobs/placement.h"
#include "oko/jobs/vertex/body.h"
#include "oko/storage/bucket/test_environment.h"
#include "tests/jobs/google/protos.h"
#include "tests/jobs/google/vertex_server.h"

// Against the test server of tests/jobs/google, which gcloud has tested and which is strict by
// Google's own definitions. Nothing here was ever run by Vertex AI itself.
namespace oko::jobs::vertex {
namespace {

using oko::testing::google::Protos;
using oko::testing::google::VertexOptions;
using oko::testing::google::VertexServer;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Phase = Observation::Phase;
using namespace std::chrono_literals;

// Of the test server that is running; the real one is never asked.
std::string registry = "registry.invalid";

Spec spec_of(int workers = 1) {
  Spec spec;
  spec.id = "raccoon-1129-2015-3fa8";
  spec.backend = "vertex";
  spec.folder = "gs://oko-test/jobs/raccoon";
  spec.command = {"train", "gs://oko-test/raccoon"};
  spec.run = spec.folder + "/run";
  spec.resources.region = "us-central1";
  spec.resources.workers = workers;
  spec.resources.gpus = 1;
  spec.resources.gpu_type = "T4";
  spec.settings["image"] = registry + "/p/oko/train:1";
  return spec;
}

class VertexJobs : public ::testing::Test {
 protected:
  void start(VertexOptions options = {}) {
    server_ = std::make_unique<VertexServer>(options);
    server_->set_bucket("oko-test", "US-CENTRAL1");
    server_->add_image("p/oko/train", "1");
    const std::string host = "127.0.0.1:" + std::to_string(server_->port());
    registry = host;
    std::map<std::string, std::string> variables = {
        {"CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM", "http://" + host + "/"},
        {"CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING", "http://" + host},
        {"CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE", "http://" + host},
        {"STORAGE_EMULATOR_HOST", host},
        {"GOOGLE_CLOUD_PROJECT", "p"}};
    if (options.token_calls > 0) {
      variables["GCE_METADATA_HOST"] = host;
    } else {
      variables["CLOUDSDK_AUTH_DISABLE_CREDENTIALS"] = "true";
    }
    backend_ = std::make_unique<Vertex>([variables] {
      ApiOptions hasty;
      hasty.environment = storage::bucket::environment_of(variables);
      hasty.retry.first = 5ms;
      hasty.retry.longest = 20ms;
      hasty.retry.budget = hasty.retry.budget_of_strangers = 500ms;
      return hasty;
    });
    folder_ = open_folder(::testing::TempDir());
  }
  void SetUp() override { start(); }

  Json submit(const Spec& spec) {
    NoProgress progress;
    return backend_->submit(spec, *folder_, progress);
  }
  template <typename Action>
  std::string refused(const Action& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
  int creates() const {
    int count = 0;
    for (const std::string& request : server_->requests()) {
      count += request.starts_with("POST") && request.ends_with("/customJobs") ? 1 : 0;
    }
    return count;
  }

  std::unique_ptr<VertexServer> server_;
  std::unique_ptr<Vertex> backend_;
  std::unique_ptr<Folder> folder_;
};

TEST_F(VertexJobs, BodiesFitGooglesDefinitions) {
  std::string why;
  const Protos* const protos = Protos::find(why);
  if (!protos) GTEST_SKIP() << why;
  const char* const type = "google.cloud.aiplatform.v1.CustomJob";
  Spec spec = spec_of(4);
  spec.resources.spot = true;
  spec.resources.max_hours = 1.5;
  spec.settings["service-account"] = "trainer@p.iam.gserviceaccount.com";
  spec.settings["network"] = "projects/123/global/networks/vpc";
  spec.settings["boot-disk-gb"] = "200";
  const Json body = custom_job(spec);
  EXPECT_EQ(protos->wrong_in_request(type, body.dump()), "");
  EXPECT_EQ(protos->wrong_in_request(type, custom_job(spec_of()).dump()), "");
  // Every accelerator of the table is one of theirs.
  for (const auto& [gpu, count] : {std::pair("T4", 1),
                                   {"P100", 1},
                                   {"V100", 1},
                                   {"L4", 1},
                                   {"A100", 1},
                                   {"A100 80GB", 1},
                                   {"H100", 1},
                                   {"H200", 8}}) {
    spec.resources.gpu_type = gpu;
    spec.resources.gpus = count;
    EXPECT_EQ(protos->wrong_in_request(type, custom_job(spec).dump()), "") << gpu;
  }
  // That the check is strict.
  const auto wrong = [&](const char* pointer, const Json& value) {
    Json bad = body;
    bad[Json::json_pointer(pointer)] = value;
    return protos->wrong_in_request(type, bad.dump());
  };
  EXPECT_THAT(wrong("/jobSpec/nope", 1), HasSubstr("nope"));
  EXPECT_THAT(wrong("/jobSpec/workerPoolSpecs/0/machineSpec/acceleratorType", "NVIDIA_T4"),
              HasSubstr("NVIDIA_T4"));
  EXPECT_NE(wrong("/jobSpec/scheduling/timeout", 3600), "");
  EXPECT_NE(wrong("/jobSpec/scheduling/timeout", "1h"), "");
  EXPECT_NE(wrong("/jobSpec/workerPoolSpecs/0/replicaCount", "one"), "");
  EXPECT_NE(wrong("/jobSpec/workerPoolSpecs/0/pythonPackageSpec", {{"pythonModule", "m"}}), "");
  EXPECT_THAT(wrong("/state", "JOB_STATE_RUNNING"), HasSubstr("state is output only"));
  EXPECT_THAT(wrong("/displayName", ""), HasSubstr("displayName is required"));
  EXPECT_THAT(wrong("/jobSpec/workerPoolSpecs", Json::array()), HasSubstr("is required"));
  EXPECT_THAT(wrong("/jobSpec/workerPoolSpecs/1/containerSpec", Json::object()),
              HasSubstr("workerPoolSpecs[1].containerSpec.imageUri is required"));
}

TEST_F(VertexJobs, AskForAPoolForWorkerZeroAndOneForTheOthers) {
  Spec spec = spec_of(3);
  spec.resources.spot = true;
  spec.resources.max_hours = 1;
  const Json job = custom_job(spec)["jobSpec"];
  EXPECT_EQ(job["workerPoolSpecs"][0]["replicaCount"], "1");
  EXPECT_EQ(job["workerPoolSpecs"][1]["replicaCount"], "2");
  EXPECT_EQ(job["workerPoolSpecs"][1]["machineSpec"]["machineType"], "n1-standard-8");
  EXPECT_EQ(job["scheduling"]["strategy"], "SPOT");
  EXPECT_EQ(job["scheduling"]["timeout"], "4200s");  // ten minutes to end itself
  EXPECT_EQ(job["scheduling"]["restartJobOnWorkerRestart"], true);
  EXPECT_EQ(job["baseOutputDirectory"]["outputUriPrefix"], spec.folder);
  EXPECT_EQ(custom_job(spec_of())["jobSpec"]["workerPoolSpecs"].size(), 1u);
}

// CLUSTER_SPEC as Vertex AI sets it (googleapis/python-aiplatform, tests of its Ray clusters), with
// the port and the job that others have seen in it.
TEST_F(VertexJobs, TellWorkersApartByClusterSpec) {
  const auto placement = [](const std::string& task) {
    const std::string spec =
        R"({"cluster":{"workerpool0":["cmle-training-workerpool0-1d969d3ba6-0:2222"],)"
        R"("workerpool1":["cmle-training-workerpool1-1d969d3ba6-0:2222",)"
        R"("cmle-training-workerpool1-1d969d3ba6-1:2222"]},"environment":"cloud","task":)" +
        task + R"(,"job":"{\"python_module\":\"\",\"package_uris\":[]}","open_ports":[3333]})";
    return placement_of([&](const char* name) -> std::optional<std::string> {
      if (std::string(name) == "CLUSTER_SPEC") return spec;
      return std::nullopt;
    });
  };
  EXPECT_EQ(placement(R"({"type":"workerpool0","index":0})").rank, 0);
  EXPECT_EQ(placement(R"({"type":"workerpool1","index":1,"trial":""})").rank, 2);
  EXPECT_EQ(placement(R"({"type":"workerpool1","index":0})").size, 3);
  EXPECT_EQ(placement(R"({"type":"workerpool1","index":0})").master_address,
            "cmle-training-workerpool0-1d969d3ba6-0");
}

TEST_F(VertexJobs, AreSubmittedObservedAndCancelled) {
  const Spec spec = spec_of();
  backend_->check(spec);
  const Json engine = submit(spec);
  const std::string name = engine["name"];
  EXPECT_THAT(name, StartsWith("projects/p/locations/us-central1/customJobs/"));
  const Json sent = server_->jobs().at(0);
  EXPECT_EQ(sent["labels"]["oko-job"], spec.id);
  EXPECT_EQ(sent["jobSpec"]["workerPoolSpecs"][0]["containerSpec"]["args"],
            Json({"job", "run", spec.folder}));
  EXPECT_EQ(backend_->observe(spec, engine).phase, Phase::kQueued);
  server_->set_state(name, "RUNNING");
  EXPECT_EQ(backend_->observe(spec, engine).phase, Phase::kRunning);
  backend_->cancel(spec, engine);
  EXPECT_EQ(backend_->observe(spec, engine).phase, Phase::kEnded);
  backend_->cancel(spec, engine);  // again: it has ended
}

TEST_F(VertexJobs, PreviewIsWhatIsSent) {
  const Spec spec = spec_of();
  const std::string preview = backend_->preview(spec);
  EXPECT_TRUE(server_->requests().empty());
  submit(spec);
  EXPECT_THAT(preview, HasSubstr("/v1/projects/p/locations/us-central1/customJobs\n"));
  EXPECT_THAT(preview, EndsWith(custom_job(spec).dump(2) + "\n"));
}

TEST_F(VertexJobs, StatesAreTold) {
  const Spec spec = spec_of();
  const Json engine = submit(spec);
  const std::pair<const char*, Phase> cases[] = {{"QUEUED", Phase::kQueued},
                                                 {"PENDING", Phase::kQueued},
                                                 {"PAUSED", Phase::kQueued},
                                                 {"RUNNING", Phase::kRunning},
                                                 {"UPDATING", Phase::kRunning},
                                                 {"CANCELLING", Phase::kRunning},
                                                 {"SUCCEEDED", Phase::kEnded},
                                                 {"FAILED", Phase::kEnded},
                                                 {"CANCELLED", Phase::kEnded},
                                                 {"EXPIRED", Phase::kEnded},
                                                 {"PARTIALLY_SUCCEEDED", Phase::kEnded}};
  for (const auto& [state, phase] : cases) {
    server_->set_state(engine["name"], state);
    EXPECT_EQ(backend_->observe(spec, engine).phase, phase) << state;
  }
}

TEST_F(VertexJobs, StatesOfTheFutureAreNotTakenForAnEnd) {
  const Spec spec = spec_of();
  const Json engine = submit(spec);
  server_->set_state(engine["name"], "DREAMING");
  const Observation seen = backend_->observe(spec, engine);
  EXPECT_EQ(seen.phase, Phase::kUnreachable);
  EXPECT_THAT(seen.reason, HasSubstr("DREAMING"));
}

TEST_F(VertexJobs, ThatVanishedAreGone) {
  const Json engine = {{"name", "projects/p/locations/us-central1/customJobs/1"}, {"project", "p"}};
  EXPECT_EQ(backend_->observe(spec_of(), engine).phase, Phase::kGone);
  backend_->cancel(spec_of(), engine);
}

TEST_F(VertexJobs, FailuresCarryTheLastLineOfTheLog) {
  const Spec spec = spec_of();
  const Json engine = submit(spec);
  const std::string name = engine["name"];
  server_->add_log(name, "workerpool0-0", "oko 0.1\nerror: gs://b/raccoon: no such bucket");
  server_->set_state(name, "FAILED",
                     "The replica workerpool0-0 exited with a non-zero status of 3. "
                     "Termination reason: Error.");
  const Observation seen = backend_->observe(spec, engine);
  EXPECT_THAT(seen.reason, HasSubstr("exited with a non-zero status of 3"));
  EXPECT_THAT(seen.reason, EndsWith("Its last line: error: gs://b/raccoon: no such bucket"));
  EXPECT_EQ(seen.hint, "oko job logs --engine " + spec.id);
}

TEST_F(VertexJobs, FailuresAreToldToWhoMayNotReadTheLog) {
  const Spec spec = spec_of();
  const Json engine = submit(spec);
  server_->refuse_logs();
  server_->set_state(engine["name"], "FAILED",
                     "The replica workerpool0-0 exited with a non-zero status of 3.");
  const Observation seen = backend_->observe(spec, engine);
  EXPECT_EQ(seen.phase, Phase::kEnded);
  EXPECT_THAT(seen.reason, EndsWith("status of 3."));
  EXPECT_THAT(refused([&] { backend_->engine_log(spec, engine, 5); }), HasSubstr("Logs Viewer"));
}

TEST_F(VertexJobs, OnPreemptedMachinesWaitForOthers) {
  const Spec spec = spec_of();
  const Json engine = submit(spec);
  server_->set_state(engine["name"], "RUNNING");
  EXPECT_EQ(backend_->observe(spec, engine).phase, Phase::kRunning);
  server_->set_state(engine["name"], "PENDING");  // Vertex AI restarts it
  EXPECT_EQ(backend_->observe(spec, engine).phase, Phase::kQueued);
  server_->set_state(engine["name"], "FAILED",
                     "Resources are insufficient in region: us-central1. Try a different region or "
                     "use a different accelerator.");
  const Observation seen = backend_->observe(spec, engine);
  EXPECT_EQ(seen.phase, Phase::kEnded);
  EXPECT_THAT(seen.hint, HasSubstr("--region"));
}

TEST_F(VertexJobs, LogsAreReadOverPagesInOrder) {
  const Spec spec = spec_of();
  const Json engine = submit(spec), other = submit(spec_of(2));
  for (int i = 0; i < 7; ++i) {
    server_->add_log(engine["name"], "workerpool0-0", "line " + std::to_string(i));
    server_->add_log(other["name"], "workerpool0-0", "of another job");
  }
  server_->add_log(engine["name"], "service", "Job failed.");
  EXPECT_EQ(backend_->engine_log(spec, engine, 4),
            "line 4\nline 5\nline 6\nservice: Job failed.\n");
  EXPECT_THAT(backend_->engine_log(spec, engine, 100), StartsWith("line 0\nline 1\n"));
}

TEST_F(VertexJobs, AreNotCreatedTwiceIfTheAnswerIsLost) {
  backend_->check(spec_of());  // so that there is a connection that could be reused
  server_->lose_answers(1);
  const Json engine = submit(spec_of());
  EXPECT_EQ(server_->jobs().size(), 1u);
  EXPECT_EQ(engine["name"], server_->jobs().at(0)["name"]);
  EXPECT_EQ(creates(), 1);
}

TEST_F(VertexJobs, AreNotTakenForAnEarlierAttempt) {
  const Json first = submit(spec_of());
  server_->set_state(first["name"], "CANCELLED");  // an earlier attempt of the same job
  server_->lose_answers(1);
  const Json second = submit(spec_of());
  EXPECT_NE(first["name"], second["name"]);
  EXPECT_EQ(server_->jobs().size(), 2u);
}

TEST_F(VertexJobs, WaitIfThereAreTooManyRequests) {
  server_->refuse_create(429, {{"code", 429},
                               {"status", "RESOURCE_EXHAUSTED"},
                               {"message",
                                "Quota exceeded for quota metric 'Job submission "
                                "requests' and limit 'per minute per region'"}});
  server_->refuse_create(503, {{"code", 503}, {"status", "UNAVAILABLE"}, {"message", "later"}});
  submit(spec_of());
  EXPECT_EQ(server_->jobs().size(), 1u);
}

TEST_F(VertexJobs, AreRefusedAtOnceWithoutQuota) {
  server_->refuse_create(429, {{"code", 429},
                               {"status", "RESOURCE_EXHAUSTED"},
                               {"message",
                                "The following quota metrics exceed quota limits: "
                                "aiplatform.googleapis.com/"
                                "custom_model_training_nvidia_t4_gpus"}});
  const std::string said = refused([&] { submit(spec_of()); });
  EXPECT_THAT(said, HasSubstr("custom_model_training_nvidia_t4_gpus"));
  EXPECT_THAT(said, HasSubstr("quotas?project=p"));
  EXPECT_EQ(creates(), 1);
}

TEST_F(VertexJobs, QuotasAreLookedUpBefore) {
  const std::string quota = "custom_model_training_nvidia_t4_gpus";
  server_->set_quota(quota, "", 0);
  server_->set_quota(quota, "us-central1", 1);
  server_->set_quota(quota, "europe-west4", 8);
  backend_->check(spec_of());
  const std::string said = refused([&] { backend_->check(spec_of(4)); });
  EXPECT_THAT(said, HasSubstr(quota + " is 1, and the job needs 4"));
  EXPECT_THAT(said, HasSubstr("use --region with one that has it: europe-west4"));
  server_->set_quota("custom_model_training_cpus", "", 4);
  EXPECT_THAT(refused([&] { backend_->check(spec_of()); }),
              HasSubstr("custom_model_training_cpus is 4, and the job needs 8"));
  EXPECT_EQ(creates(), 0);
}

TEST_F(VertexJobs, ImagesMustExist) {
  Spec spec = spec_of();
  spec.settings["image"] = registry + "/p/oko/train:2";
  const std::string said = refused([&] { backend_->check(spec); });
  EXPECT_THAT(said, HasSubstr("/p/oko/train:2"));
  EXPECT_THAT(said, HasSubstr("404"));
  spec.settings["image"] = registry + "/private/oko:1";  // 403: nobody is logged in
  backend_->check(spec);
}

TEST_F(VertexJobs, BucketsMustBeInTheSameRegion) {
  server_->set_bucket("oko-test", "EUROPE-WEST4");
  const std::string said = refused([&] { backend_->check(spec_of()); });
  EXPECT_THAT(said, HasSubstr("is in europe-west4, and the job would run in us-central1"));
  EXPECT_THAT(said, HasSubstr("use --region europe-west4"));
  // Where a bucket of several regions is good, the service decides.
  server_->set_bucket("oko-test", "US");
  backend_->check(spec_of());
  EXPECT_THAT(refused([&] { submit(spec_of()); }), HasSubstr("the bucket's region as --region"));
  Spec spec = spec_of();
  spec.folder = "gs://no-such-bucket/x";
  EXPECT_THAT(refused([&] { backend_->check(spec); }), HasSubstr("no such bucket"));
}

TEST_F(VertexJobs, TokensAreRenewedWhenTheyExpire) {
  VertexOptions options;
  options.token_calls = 2;
  start(options);
  const Spec spec = spec_of();
  backend_->check(spec);
  const Json engine = submit(spec);
  for (int i = 0; i < 5; ++i) backend_->observe(spec, engine);
  backend_->cancel(spec, engine);
  EXPECT_EQ(server_->jobs().at(0)["state"], "JOB_STATE_CANCELLED");
  EXPECT_EQ(server_->jobs().size(), 1u);
  const auto requests = server_->requests();
  EXPECT_GE(std::count(requests.begin(), requests.end(),
                       "GET /computeMetadata/v1/instance/service-accounts/default/token"),
            4);
}

TEST_F(VertexJobs, RefuseWhatTheServiceWould) {
  Spec spec = spec_of();
  spec.folder = "s3://bucket/x";
  EXPECT_THAT(refused([&] { backend_->check(spec); }), HasSubstr("gs://BUCKET/jobs/"));
  spec = spec_of();
  spec.settings["image"] = "my image";
  EXPECT_THAT(refused([&] { backend_->check(spec); }), HasSubstr("my image: "));
  spec = spec_of();
  spec.settings["boot-disk-gb"] = "50";
  EXPECT_THAT(refused([&] { backend_->check(spec); }), HasSubstr("use 100 to 64000"));
  EXPECT_TRUE(server_->requests().empty());
  EXPECT_THROW(backend_->default_folder(spec, "x"), Error);
}

TEST_F(VertexJobs, AnswersOfABrokenEngineFileAreRefused) {
  for (const char* name : {"", "../x", "projects/p/locations/r.evil/customJobs/1"}) {
    EXPECT_THROW(backend_->observe(spec_of(), {{"name", name}, {"project", "p"}}), Error);
  }
}

TEST(VertexAddress, GetsNoTokenInPlainText) {
  const Vertex backend([] {
    ApiOptions options;
    options.environment = storage::bucket::environment_of(
        {{"CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM", "http://example.com/"},
         {"GOOGLE_CLOUD_PROJECT", "p"}});
    return options;
  });
  EXPECT_THROW(backend.preview(spec_of()), Error);
}

TEST_F(VertexJobs, UnreachableServicesAreToldAsSuch) {
  const Spec spec = spec_of();
  const Json engine = submit(spec);
  server_.reset();
  const Observation seen = backend_->observe(spec, engine);
  EXPECT_EQ(seen.phase, Phase::kUnreachable);
  EXPECT_THAT(seen.reason, HasSubstr("Vertex AI in us-central1"));
}

}  // namespace
}  // namespace oko::jobs::vertex
