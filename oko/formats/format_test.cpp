#include "oko/formats/format.h"

#include <gmock/gmock.h>

#include <set>

#include "oko/base/error.h"

namespace oko::formats {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string complaint(const char* format, const WriteOptions& options) {
  try {
    check_options(*find_format(format), options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(Formats, EachIsFoundByItsName) {
  std::set<std::string_view> names, extensions;
  for (const Format* format : formats()) {
    EXPECT_TRUE(names.insert(format->name).second) << format->name;
    EXPECT_EQ(find_format(format->name), format);
    EXPECT_TRUE(format->read != nullptr || format->write != nullptr) << format->name;
    EXPECT_EQ(format->write != nullptr, format->limits != nullptr) << format->name;
    for (const std::string_view extension : format->extensions) {
      EXPECT_TRUE(extensions.insert(extension).second) << extension;
    }
  }
  EXPECT_EQ(find_format("zip"), nullptr);
}

TEST(Formats, AreListedForHelp) {
  for (const Format* format : formats()) {
    EXPECT_EQ(readable_titles().find(format->title) != std::string::npos, format->read != nullptr)
        << format->title;
  }
  EXPECT_THAT(readable_titles(), AllOf(StartsWith("Core ML, ONNX, "), HasSubstr(" or ")));
  EXPECT_THAT(models_in_two_files(), HasSubstr("a .param and its .bin, a .cfg and its .weights"));
}

TEST(Formats, RecognizeTheirFilesByContent) {
  const auto by_content = [](std::string_view start) {
    std::string found;
    for (const Format* format : formats()) {
      if (format->recognize != nullptr && format->recognize(start)) found += format->name;
    }
    return found;
  };
  EXPECT_EQ(by_content("\x89HDF\r\n\x1a\n12345678"), "keras");
  EXPECT_EQ(by_content(std::string_view("\x1c\0\0\0TFL3\0\0\0\0", 12)), "tflite");
  EXPECT_EQ(by_content("7767517\n75 83\n"), "ncnn");
  EXPECT_EQ(by_content(std::string_view("\x10\0\0\0\0\0\0\0{\"a\":", 13)), "safetensors");
  EXPECT_EQ(by_content("<html>\n<head>\n"), "");
}

TEST(CheckOptions, RejectsWhatAFormatCannotHold) {
  using graph::Precision;
  EXPECT_EQ(complaint("tflite", {.precision = Precision::kInt8}), "");
  EXPECT_THAT(complaint("onnx", {.precision = Precision::kInt8}),
              AllOf(HasSubstr("--to onnx: cannot be combined with --precision int8"),
                    HasSubstr("use fp16 here, or --to coreml, --to tflite, --to oko")));
  EXPECT_THAT(complaint("darknet", {.precision = Precision::kFloat16}),
              HasSubstr("Darknet stores only 32-bit floats"));
  EXPECT_EQ(complaint("coreml", {.boxes = true}), "");
  EXPECT_EQ(complaint("coreml", {.boxes = true, .program = true}), "");
  EXPECT_THAT(complaint("tflite", {.boxes = true}), HasSubstr("--boxes"));
  EXPECT_THAT(complaint("onnx", {.program = true}), HasSubstr("use it with --to coreml"));
  EXPECT_THAT(complaint("ncnn", {.info = {.author = "me"}}), HasSubstr("--author"));
  EXPECT_EQ(complaint("onnx", {.info = {.author = "me"}}), "");
  EXPECT_THAT(complaint("keras", {}), HasSubstr("this format can only be read"));
}

}  // namespace
}  // namespace oko::formats
