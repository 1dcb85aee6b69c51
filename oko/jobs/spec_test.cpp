#include "oko/jobs/spec.h"

#include "oko/base/error.h"
#include "oko/jobs/gpus.h"
#include "oko/jobs/test_jobs.h"

namespace oko::jobs {
namespace {

using ::testing::HasSubstr;

class JobSpec : public Jobs {
 protected:
  Json full() const {
    Spec spec = this->spec();
    spec.resources = {2, 1, "L4", "g2-standard-8", "europe-west4", true, 8, 20};
    spec.settings = {{"image", "registry/oko:1"}};
    spec.inputs = {{"photos", "inputs/0-photos", 1, true}, {"net.bin", "inputs/1-net.bin"}};
    spec.price = 1.5;
    spec.price_source = "g2-standard-8";
    return to_json(spec);
  }
  static std::string fault(const Json& json) {
    try {
      spec_from_json(json, "job.json");
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      return error.what();
    }
  }
};

TEST_F(JobSpec, SurvivesJson) {
  const Json json = full();
  EXPECT_EQ(to_json(spec_from_json(json, "job.json")), json);
}

TEST_F(JobSpec, NothingElseIsAccepted) {
  const auto with = [&](const char* key, Json value) {
    Json json = full();
    json[key] = std::move(value);
    return fault(json);
  };
  EXPECT_THAT(with("job", 2), HasSubstr("version 2"));
  EXPECT_THAT(with("id", "../x"), HasSubstr("\"id\""));
  EXPECT_THAT(with("id", "Roses"), HasSubstr("a-z"));
  EXPECT_THAT(with("id", ""), HasSubstr("empty"));
  EXPECT_THAT(with("id", std::string(41, 'a')), HasSubstr("40"));
  EXPECT_THAT(with("command", Json::array()), HasSubstr("empty"));
  EXPECT_THAT(with("command", Json::array({1})), HasSubstr("list of words"));
  EXPECT_THAT(with("command", Json::array({std::string("a\0b", 3)})), HasSubstr("NUL"));
  EXPECT_THAT(with("settings", {{"image", 5}}), HasSubstr("image"));
  EXPECT_THAT(with("price", -1), HasSubstr("negative"));
  const Json outside = {{"from", "a"}, {"name", "../../x"}, {"word", 1U}, {"is_dataset", true}};
  EXPECT_THAT(with("inputs", Json::array({outside})), HasSubstr("an input"));
  const Json beyond = {{"from", "a"}, {"name", "x"}, {"word", 1000U}, {"is_dataset", false}};
  EXPECT_THAT(with("inputs", Json::array({beyond})), HasSubstr("belongs to no word"));
  Json none = full();
  none.erase("resources");
  EXPECT_THAT(fault(none), HasSubstr("resources"));
  Json workers = full();
  workers["resources"]["workers"] = 0;
  EXPECT_THAT(fault(workers), HasSubstr("workers"));
}

TEST_F(JobSpec, NewIdsAreValidWhateverTheDataset) {
  for (const std::string name : {"photos", "Meine Fotos 2025", "фото", "--", "9 lives", "",
                                 "a-very-long-name-of-a-folder-with-photos"}) {
    const std::string id = new_id(name, 1'790'000'000);
    EXPECT_EQ(checked_id(id), id);
    EXPECT_LE(id.size(), 40U);
  }
  EXPECT_THAT(new_id("Meine Fotos 2025", 0), HasSubstr("meine-fotos-2025-0101-0000-"));
}

TEST_F(JobSpec, OptionsWithoutEffectAreNamed) {
  Spec spec = this->spec();
  spec.resources.spot = true;
  try {
    refuse_what_has_no_effect(spec, {"--machine", "--spot"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.place(), "--spot");
  }
  EXPECT_NO_THROW(refuse_what_has_no_effect(spec, {"--machine", "--gpus"}));
}

TEST(JobGpus, AreFoundByEverybodysNames) {
  for (const char* name : {"t4", "T4", "nvidia-tesla-t4", "NVIDIA_TESLA_T4"}) {
    EXPECT_EQ(gpu_named(name).name, "T4") << name;
  }
  EXPECT_EQ(gpu_named("a100-80gb").name, "A100 80GB");
  EXPECT_THROW(gpu_named("T5000"), Error);
}

}  // namespace
}  // namespace oko::jobs
