#include "oko/jobs/registry.h"

#include <filesystem>

#include "oko/base/error.h"
#include "oko/jobs/test_jobs.h"

namespace oko::jobs {
namespace {

using ::testing::HasSubstr;

class Registry : public Jobs {
 protected:
  Job job(const std::string& id, const std::string& folder) const {
    Job job;
    job.spec = spec();
    job.spec.id = id;
    job.spec.folder = folder;
    job.backend = &backend_named("local");
    job.folder = open_folder(folder);
    return job;
  }
  static std::string fault(const std::function<void()>& action) {
    try {
      action();
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }
};

TEST_F(Registry, FindsAJobByItsNameItsBeginningAndItsFolder) {
  record_spec(job("roses-1", file("a")));
  record_spec(job("tulips-1", file("registry/tulips-1")));
  for (const std::string& name : {std::string("roses-1"), std::string("ros"), file("a")}) {
    EXPECT_EQ(open_job(name).spec.id, "roses-1");
    EXPECT_EQ(open_job(name).folder->place(), file("a"));
  }
  EXPECT_THAT(fault([] { open_job("rises-1"); }), HasSubstr("did you mean roses-1?"));
  record_spec(job("roses-2", file("c")));
  EXPECT_THAT(fault([] { open_job("ros"); }), HasSubstr("beginning of 2 jobs"));
  EXPECT_THAT(fault([this] { open_job(file("none")); }), HasSubstr("does not exist"));
}

TEST_F(Registry, NamesAndFoldersAreTakenOnce) {
  record_spec(job("roses-1", file("a")));
  EXPECT_THAT(fault([this] { record_spec(job("roses-1", file("b"))); }), HasSubstr("--name"));
  EXPECT_FALSE(storage::exists(file("b/job.json")));
  EXPECT_THAT(fault([this] { record_spec(job("roses-2", file("a"))); }),
              HasSubstr("already holds"));
  EXPECT_FALSE(storage::exists(file("registry/roses-2/job.json")));
}

TEST_F(Registry, AFolderWithOtherFilesIsNotTaken) {
  storage::write(file("a/thesis.txt"), std::string_view("x"));
  EXPECT_THAT(fault([this] { record_spec(job("roses-1", file("a"))); }), HasSubstr("not empty"));
  EXPECT_FALSE(storage::exists(file("a/job.json")));
  EXPECT_FALSE(storage::exists(file("registry/roses-1/job.json")));
}

TEST_F(Registry, RemainsOfAnEarlierJobAreNotTaken) {
  storage::write(file("registry/roses-1/run/model.oko"), std::string_view("x"));
  EXPECT_THAT(fault([this] { refuse_what_is_taken(job("roses-1", file("registry/roses-1"))); }),
              HasSubstr("still has files of an earlier job"));
}

TEST_F(Registry, ACopyOfAJobsFolderIsNotTheJob) {
  record_spec(job("roses-1", file("a")));
  std::filesystem::copy(file("a"), file("b"));
  EXPECT_THAT(fault([this] { open_job(file("b")); }), HasSubstr("copied or moved"));
  EXPECT_EQ(open_job(file("b/../a/.")).spec.id, "roses-1");
}

TEST_F(Registry, AnotherJobOfTheSameNameIsLeftAlone) {
  record_spec(job("roses-1", file("a")));
  Job other = job("roses-1", file("b"));  // submitted from another machine
  other.engine = {{"host", "there"}};
  other.folder->write(kSpecFile, to_json(other.spec).dump());
  replace_spec(other);
  record_engine(other);
  EXPECT_EQ(open_job("roses-1").spec.folder, file("a"));
  EXPECT_FALSE(storage::exists(file("registry/roses-1/engine.json")));
  EXPECT_EQ(open_job(file("b")).engine, other.engine);
}

TEST_F(Registry, ABrokenEngineFileHidesNoJob) {
  record_spec(job("roses-1", file("a")));
  storage::write(file("registry/roses-1/engine.json"), std::string_view(""));
  const Job found = open_job("roses-1");
  EXPECT_TRUE(found.engine.is_null());
  EXPECT_THAT(found.engine_fault, HasSubstr("engine.json"));
}

TEST_F(Registry, AForgottenJobLeavesNothing) {
  Job one = job("roses-1", file("a"));
  record_spec(one);
  record_engine(one);
  storage::write(file("registry/roses-1/seen.json"), std::string_view("{}"));  // by oko job list
  forget(one);
  EXPECT_THAT(storage::list(root_, true), ::testing::IsEmpty());
}

TEST_F(Registry, ListsTheNewestFirstAndSaysWhatIsBroken) {
  Job old = job("roses-1", file("jobs/roses-1")), young = job("tulips-1", file("jobs/tulips-1"));
  young.spec.created = old.spec.created + 5;
  record_spec(old);
  record_spec(young);
  storage::write(file("registry/broken/job.json"), std::string_view("{"));
  for (const std::string& place : {registry_folder(), file("jobs")}) {
    std::vector<std::string> broken;
    const auto all = list_jobs(place, broken);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].spec.id, "tulips-1");
    EXPECT_EQ(broken.size(), place == registry_folder() ? 1U : 0U);
  }
}

}  // namespace
}  // namespace oko::jobs
