#include "oko/jobs/kubernetes/api.h"

#include <gmock/gmock.h>

#include "oko/jobs/kubernetes/test_cluster.h"
#include "oko/jobs/kubernetes/test_spec.h"

namespace oko::jobs::kubernetes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ApiTest : public ClusterTest {
 protected:
  Api api() const {
    return Api(find_access("", "", environment()), storage::http::shared_client(), quick());
  }
  // What the user is told when the server answers with this.
  std::string told(int status, const std::string& reason, const std::string& message) {
    server_.answer_next(
        {status, oko::testing::ApiServer::status(status, reason, message).dump(), {}});
    Api one = api();
    return error_of([&] { one.get("/api/v1/nodes"); });
  }
};

TEST_F(ApiTest, ListsHaveAllPages) {
  server_.set_page(2);
  for (int i = 0; i < 5; ++i) {
    server_.put(core_path("ml", "pods", "p" + std::to_string(i)), Json::object());
  }
  Api one = api();
  EXPECT_EQ(one.list(core_path("ml", "pods")).size(), 5u);
  EXPECT_EQ(server_.requests().size(), 3u);
}

TEST_F(ApiTest, AnExpiredPageStartsTheListAgain) {
  server_.put(core_path("ml", "pods", "p"), Json::object());
  server_.answer_next({200, R"({"metadata":{"continue":"old"},"items":[{},{}]})", {}});
  server_.answer_next({410, oko::testing::ApiServer::status(410, "Expired", "too old").dump(), {}});
  Api one = api();
  EXPECT_EQ(one.list(core_path("ml", "pods")).size(), 1u);
}

TEST_F(ApiTest, TooManyRequestsAreWaitedFor) {
  server_.answer_next({429, "", {{"Retry-After", "1"}}});
  server_.answer_next({503, "", {}});
  Api one = api();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(one.list(core_path("ml", "pods")).size(), 0u);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST_F(ApiTest, APluginIsAskedOnceAndAgainWhenItsTokenIsRefused) {
  use_plugin();
  server_.accept_token("first");
  Api one = api();
  one.list(core_path("ml", "pods"));
  one.list(core_path("ml", "pods"));
  EXPECT_EQ(times_asked(), 1u);
  server_.accept_token("second");
  set_token("second");
  one.list(core_path("ml", "pods"));
  EXPECT_EQ(times_asked(), 2u);
  server_.accept_token("third");  // which the plugin never says
  EXPECT_THAT(error_of([&] { one.list(core_path("ml", "pods")); }), HasSubstr("401"));
  EXPECT_EQ(times_asked(), 3u);
}

TEST_F(ApiTest, ATokenFileIsReadEachTime) {
  set_token("first\n");
  use_user("tokenFile: token");
  Api one = api();
  one.list(core_path("ml", "pods"));
  set_token("second");
  one.list(core_path("ml", "pods"));
  EXPECT_EQ(server_.requests()[0].token, "first");
  EXPECT_EQ(server_.requests()[1].token, "second");
}

TEST_F(ApiTest, AMissingPluginIsToldWithItsHint) {
  use_user(
      "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: oko-no-plugin, "
      "installHint: get it}");
  Api one = api();
  EXPECT_THAT(error_of([&] { one.get("/x"); }),
              AllOf(HasSubstr("oko-no-plugin"), HasSubstr("get it")));
}

TEST_F(ApiTest, RefusalsSayWhatToDo) {
  EXPECT_THAT(told(401, "Unauthorized", "Unauthorized"), HasSubstr("log in again"));
  EXPECT_THAT(told(403, "Forbidden", "User \"oko\" cannot create resource \"jobs\""),
              AllOf(HasSubstr("cannot create"), HasSubstr("Role")));
  EXPECT_THAT(told(403, "Forbidden", "exceeded quota: gpus"), HasSubstr("resourcequota"));
  EXPECT_THAT(told(404, "NotFound", "namespaces \"ml\" not found"), HasSubstr("--namespace"));
  EXPECT_THAT(told(400, "BadRequest", "strict decoding error: unknown field"),
              HasSubstr("unknown field"));
  server_.answer_next({502, "<html>bad gateway", {}});
  server_.answer_next({404, "<html>\x1b[2J", {}});
  Api one = api();
  EXPECT_THAT(error_of([&] { one.get("/x"); }), HasSubstr("responded 404"));
}

TEST_F(ApiTest, AllCausesOfAnInvalidObjectAreShown) {
  Json status = oko::testing::ApiServer::status(422, "Invalid", "Job is invalid: [a, b]");
  status["details"]["causes"] = {
      {{"reason", "FieldValueRequired"}, {"message", "Required value"}, {"field", "spec.template"}},
      {{"reason", "FieldValueInvalid"}, {"message", "Invalid: -1"}, {"field", "spec.parallelism"}}};
  server_.answer_next({422, status.dump(), {}});
  Api one = api();
  EXPECT_THAT(error_of([&] { one.get("/x"); }),
              HasSubstr("spec.template: Required value; spec.parallelism: Invalid: -1"));
}

TEST_F(ApiTest, SomeoneElseIsImpersonated) {
  use_user("token: t, as: someone");
  Api one = api();
  one.list(core_path("ml", "pods"));
  EXPECT_EQ(server_.requests()[0].impersonated, "someone");
  EXPECT_EQ(server_.requests()[0].token, "t");
}

TEST(ApiPaths, AreEncoded) {
  EXPECT_EQ(core_path("a/../b", "pods", "x?y"), "/api/v1/namespaces/a%2F..%2Fb/pods/x%3Fy");
  EXPECT_EQ(query_of({{"labelSelector", "a=b&c"}}), "?labelSelector=a%3Db%26c");
}

}  // namespace
}  // namespace oko::jobs::kubernetes
