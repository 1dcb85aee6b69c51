#include "oko/train/launch.h"

#include <gmock/gmock.h>

#include <map>

#include "oko/train/test_support.h"

namespace oko::train {
namespace {

using testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

std::optional<Launch> launch(const Variables& variables) {
  return read_launch([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

const Variables kTwo{{"WORLD_SIZE", "2"}, {"RANK", "1"}, {"MASTER_ADDR", "10.0.0.7"}};

Variables with(const std::string& name, const std::string& value) {
  Variables variables = kTwo;
  variables[name] = value;
  return variables;
}

TEST(Launch, AloneWithoutAWorldSizeOrWithOne) {
  EXPECT_FALSE(launch({}));
  EXPECT_FALSE(launch({{"RANK", "3"}}));
  EXPECT_FALSE(launch({{"WORLD_SIZE", "1"}}));
}

TEST(Launch, ReadsWhatALauncherSets) {
  const auto two = launch(kTwo);
  ASSERT_TRUE(two);
  EXPECT_EQ(two->rank, 1);
  EXPECT_EQ(two->size, 2);
  EXPECT_EQ(two->address, "10.0.0.7");
  EXPECT_EQ(two->port, 29500);
  EXPECT_EQ(two->local_rank, -1);
  EXPECT_EQ(two->least, 2);
  EXPECT_EQ(launch(with("MASTER_PORT", "1234"))->port, 1234);
  EXPECT_EQ(launch(with("LOCAL_RANK", "0"))->local_rank, 0);
}

TEST(Launch, ARestartBeginsWithThoseThatAreThere) {
  EXPECT_EQ(launch(with("OKO_RESTART", "1"))->least, 1);
  EXPECT_FALSE(launch(with("OKO_RESTART", "0"))->restart);
  Variables variables = with("OKO_RESTART", "1");
  variables["OKO_MIN_WORKERS"] = "2";
  EXPECT_EQ(launch(variables)->least, 2);
}

TEST(Launch, NamesWhatIsWrong) {
  const auto message = [](const Variables& variables) {
    const Error e = error_of([&] { launch(variables); });
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
    return std::string(e.what());
  };
  EXPECT_THAT(message({{"WORLD_SIZE", "two"}}), HasSubstr("WORLD_SIZE=two"));
  EXPECT_THAT(message({{"WORLD_SIZE", "0"}}), HasSubstr("from 1 to 4096"));
  EXPECT_THAT(message({{"WORLD_SIZE", "2"}}), HasSubstr("RANK: is not set, but WORLD_SIZE is 2"));
  EXPECT_THAT(message(with("RANK", "2")), HasSubstr("RANK=2: must be a whole number from 0 to 1"));
  EXPECT_THAT(message(with("MASTER_ADDR", "")), HasSubstr("MASTER_ADDR: is not set"));
  EXPECT_THAT(message(with("MASTER_PORT", "65536")), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(message(with("OKO_MIN_WORKERS", "3")), HasSubstr("from 1 to 2"));
}

}  // namespace
}  // namespace oko::train
