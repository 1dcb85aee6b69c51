#include "oko/convert/model_files.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "oko/storage/store.h"

namespace oko::convert {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

TEST(FilesOfModel, AreThoseThatOpeningItReads) {
  EXPECT_THAT(files_of_model("a/m.onnx"), ElementsAre("a/m.onnx"));
  EXPECT_THAT(files_of_model("a/m.param"), ElementsAre("a/m.param", "a/m.bin"));
  EXPECT_THAT(files_of_model("a/run"), ElementsAre("a/run", "a/run/model.oko"));
  const std::string package = ::testing::TempDir() + "oko_files_of_model/m.mlpackage";
  const std::string inside = storage::join(package, "Data/weight.bin");
  storage::write(inside, std::string_view("x"));
  EXPECT_THAT(files_of_model(package), UnorderedElementsAre(package, inside));
  std::filesystem::remove_all(storage::parent(package));
}

TEST(IsModel, GoesByTheExtension) {
  EXPECT_TRUE(is_model("net.cfg"));
  EXPECT_TRUE(is_model("m.mlpackage"));
  EXPECT_FALSE(is_model("yolo-fastest-1.1-xl"));
  EXPECT_FALSE(is_model("m.weights"));
}

}  // namespace
}  // namespace oko::convert
