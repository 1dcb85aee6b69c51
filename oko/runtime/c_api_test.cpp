#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oko/oko.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "oko/graph/about.h"
#include "oko/graph/oko_file.h"
#include "oko/runtime/test_c_api.h"

namespace oko::runtime {
namespace {

TEST(CApi, DescribesAModel) {
  const ModelHandle model = open_model(small_model());
  oko_model_info info{};
  info.struct_size = sizeof info;
  ASSERT_EQ(oko_model_describe(model.get(), &info), OKO_OK);
  EXPECT_STREQ(info.name, "small");
  EXPECT_EQ(info.width, 64);
  EXPECT_EQ(info.class_count, 2);
  EXPECT_EQ(info.head_count, 1);
  EXPECT_EQ(info.precision, OKO_FLOAT32);
  EXPECT_STREQ(info.target, oko_targets()[0]);
  EXPECT_GT(info.weight_bytes, 0U);
  EXPECT_STREQ(oko_model_class_name(model.get(), 1), "dog");
  EXPECT_EQ(oko_model_class_name(model.get(), 2), nullptr);
  EXPECT_EQ(oko_model_class_name(model.get(), -1), nullptr);
  oko_head_info head{};
  head.struct_size = sizeof head;
  ASSERT_EQ(oko_model_head(model.get(), 0, &head), OKO_OK);
  EXPECT_EQ(head.channels, 7);
  EXPECT_EQ(head.height, 16);
  EXPECT_EQ(head.anchors[1], 30);
}

TEST(CApi, FillsOnlyTheFieldsOfAnOlderCaller) {
  const ModelHandle model = open_model(small_model());
  oko_model_info info{};
  info.flop = -1;
  info.struct_size = offsetof(oko_model_info, flop);
  ASSERT_EQ(oko_model_describe(model.get(), &info), OKO_OK);
  EXPECT_EQ(info.width, 64);
  EXPECT_EQ(info.flop, -1);  // past the caller's struct
  EXPECT_EQ(info.struct_size, offsetof(oko_model_info, flop));
}

TEST(CApi, DescribesWhatAFileSaysOfItself) {
  oko_model_info info{};
  info.struct_size = sizeof info;
  const ModelHandle plain = open_model(small_model());
  ASSERT_EQ(oko_model_describe(plain.get(), &info), OKO_OK);
  EXPECT_EQ(info.version, nullptr);
  EXPECT_EQ(info.measured_on, nullptr);
  EXPECT_EQ(info.trained, 0);
  EXPECT_EQ(info.measured_itself, 0);
  EXPECT_EQ(info.own_thresholds, 0);
  graph::Network network = small_network();
  const std::string hash = info.hash, checksum = info.checksum;
  EXPECT_EQ(hash, graph::content_hash(network));

  graph::set_info(network, {.version = "1.4.0"});
  graph::set_trained(network, 1'750'000'000);
  graph::set_measured(network, {.9, .6, "pets", "val", 120, hash});
  graph::set_thresholds(network, {.3F, .4F});
  const ModelHandle model = open_model(graph::write_oko(network));
  ASSERT_EQ(oko_model_describe(model.get(), &info), OKO_OK);
  EXPECT_STREQ(info.version, "1.4.0");
  EXPECT_EQ(info.hash, hash);
  EXPECT_NE(info.checksum, checksum);
  EXPECT_EQ(info.trained, 1'750'000'000);
  EXPECT_EQ(info.map50, .9);
  EXPECT_EQ(info.map, .6);
  EXPECT_STREQ(info.measured_on, "pets");
  EXPECT_STREQ(info.measured_split, "val");
  EXPECT_EQ(info.measured_images, 120);
  EXPECT_EQ(info.measured_itself, 1);
  EXPECT_EQ(info.own_thresholds, 1);

  const ModelHandle half = open_model(graph::write_oko(network, {}, graph::Precision::kFloat16));
  ASSERT_EQ(oko_model_describe(half.get(), &info), OKO_OK);
  EXPECT_NE(info.hash, hash);
  EXPECT_EQ(info.map50, .9);
  EXPECT_EQ(info.measured_itself, 0);  // other weights were
}

TEST(CApi, AModelThatIsOnlyDescribedSaysTheSame) {
  graph::Network network = small_network();
  graph::set_thresholds(network, {.3F, .4F});
  const auto bytes = graph::write_oko(network);
  oko_model_options options{};
  options.struct_size = sizeof options;
  options.describe_only = 1;
  options.padding = -1;
  const std::string cache = ::testing::TempDir() + "oko_describe_only";
  options.cache_path = cache.c_str();
  const ModelHandle whole = open_model(bytes), described = open_model(bytes, &options);
  EXPECT_FALSE(std::filesystem::exists(cache));
  oko_model_info a{}, b{};
  a.struct_size = b.struct_size = sizeof a;
  ASSERT_EQ(oko_model_describe(whole.get(), &a), OKO_OK);
  ASSERT_EQ(oko_model_describe(described.get(), &b), OKO_OK);
  EXPECT_STREQ(a.name, b.name);
  EXPECT_STREQ(a.hash, b.hash);
  EXPECT_STREQ(a.checksum, b.checksum);
  EXPECT_EQ(a.weight_bytes, b.weight_bytes);
  EXPECT_EQ(a.activation_bytes, b.activation_bytes);
  EXPECT_STREQ(oko_model_class_name(described.get(), 1), "dog");
  EXPECT_EQ(oko_model_class_threshold(described.get(), 1), .4F);
  oko_head_info head{};
  head.struct_size = sizeof head;
  EXPECT_EQ(oko_model_head(described.get(), 0, &head), OKO_OK);
  EXPECT_EQ(head.channels, 7);
  oko_detector* detector = nullptr;
  EXPECT_EQ(oko_detector_create(described.get(), nullptr, &detector), OKO_INVALID_ARGUMENT);
  EXPECT_THAT(oko_last_error(), testing::HasSubstr("opened with describe_only"));
  EXPECT_EQ(detector, nullptr);
}

// Bytes of what is found, to compare.
std::string found_by(const ModelHandle& model, const oko_thresholds* thresholds) {
  const DetectorHandle detector = make_detector(model);
  const auto pixels = noise(64 * 64 * 3);
  const oko_frame frame = rgb_frame(pixels, 64, 64);
  const oko_detection* found = nullptr;
  std::size_t count = 0;
  EXPECT_EQ(oko_detect(detector.get(), &frame, thresholds, &found, &count), OKO_OK);
  return {reinterpret_cast<const char*>(found), count * sizeof *found};
}

TEST(CApi, UsesTheModelsThresholdsUnlessToldOtherwise) {
  graph::Network network = small_network();
  // Scores around .25, of each class in its own way.
  network.weights["c.bias"] = graph::Tensor::of({0, 0, 0, 0, 0, .5F, -.5F}, {7});
  const ModelHandle plain = open_model(graph::write_oko(network));
  const std::array<float, 2> own{.35F, .1F};
  graph::set_thresholds(network, {own[0], own[1]});
  const ModelHandle model = open_model(graph::write_oko(network));
  EXPECT_EQ(oko_model_class_threshold(model.get(), 0), own[0]);
  EXPECT_EQ(oko_model_class_threshold(model.get(), 1), own[1]);
  EXPECT_EQ(oko_model_class_threshold(plain.get(), 1), .25F);
  for (const int wrong : {-1, 2}) EXPECT_LT(oko_model_class_threshold(model.get(), wrong), 0);
  EXPECT_LT(oko_model_class_threshold(nullptr, 0), 0);

  oko_thresholds none{}, one{}, each{};
  none.struct_size = one.struct_size = each.struct_size = sizeof none;
  one.score = .25F;
  each.class_scores = own.data();
  each.class_score_count = own.size();
  const std::string expected = found_by(plain, &each), usual = found_by(plain, &one);
  ASSERT_NE(expected, usual);  // otherwise nothing below says anything
  ASSERT_FALSE(usual.empty());
  EXPECT_EQ(found_by(model, nullptr), expected);
  EXPECT_EQ(found_by(model, &none), expected);
  EXPECT_EQ(found_by(plain, nullptr), usual);
  EXPECT_EQ(found_by(plain, &none), usual);
  EXPECT_EQ(found_by(model, &one), usual);
  const std::array<float, 2> other{.25F, .25F};
  each.class_scores = other.data();
  EXPECT_EQ(found_by(model, &each), usual);
  const oko_thresholds all = everything();
  EXPECT_EQ(found_by(model, &all), found_by(plain, &all));
}

TEST(CApi, DetectionsAreInsideTheFrameAndBestFirst) {
  const ModelHandle model = open_model(small_model());
  const DetectorHandle detector = make_detector(model);
  const auto pixels = noise(100 * 50 * 3);
  const oko_frame frame = rgb_frame(pixels, 100, 50);
  const oko_thresholds thresholds = everything();
  const oko_detection* found = nullptr;
  std::size_t count = 0;
  ASSERT_EQ(oko_detect(detector.get(), &frame, &thresholds, &found, &count), OKO_OK);
  ASSERT_GT(count, 0U);
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_GE(found[i].left, 0);
    EXPECT_LE(found[i].right, 100);
    EXPECT_GE(found[i].top, 0);
    EXPECT_LE(found[i].bottom, 50);
    if (i > 0) {
      EXPECT_LE(found[i].score, found[i - 1].score);
    }
  }
  oko_timing timing{};
  timing.struct_size = sizeof timing;
  ASSERT_EQ(oko_detector_timing(detector.get(), &timing), OKO_OK);
  EXPECT_GT(timing.network_ms, 0);
}

// A program knows oko_detection as it was when the program was compiled.
TEST(CApi, DetectionsLieAsTheCallerKnowsThem) {
  struct Later {  // with fields that this library does not have
    oko_detection known;
    std::int32_t track_id, frames;
  };
  const ModelHandle model = open_model(small_model());
  const DetectorHandle detector = make_detector(model);
  const auto pixels = noise(64 * 64 * 3);
  const oko_frame frame = rgb_frame(pixels, 64, 64);
  oko_thresholds everything{};
  everything.struct_size = sizeof everything;
  everything.score = -1;
  const oko_detection* found = nullptr;
  std::size_t count = 0;
  ASSERT_EQ(oko_detect(detector.get(), &frame, &everything, &found, &count), OKO_OK);
  ASSERT_GT(count, 1U);
  const std::vector<oko_detection> expected(found, found + count);

  ASSERT_EQ(oko_detect_sized(detector.get(), &frame, &everything, &found, &count, sizeof(Later)),
            OKO_OK);
  ASSERT_EQ(count, expected.size());
  const auto* later = reinterpret_cast<const Later*>(found);
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(std::memcmp(&later[i].known, &expected[i], sizeof(oko_detection)), 0) << i;
    EXPECT_EQ(later[i].track_id, 0);
  }
  for (const std::size_t size : {0U, 8U, 25U, 1U << 20U}) {
    EXPECT_EQ(oko_detect_sized(detector.get(), &frame, nullptr, &found, &count, size),
              OKO_INVALID_ARGUMENT);
    EXPECT_THAT(oko_last_error(), testing::HasSubstr("pass sizeof(oko_detection)"));
  }
}

TEST(CApi, TilesFindMoreAndOlderCallersHaveNone) {
  const ModelHandle model = open_model(small_model());
  const auto pixels = noise(200 * 100 * 3);
  const oko_frame frame = rgb_frame(pixels, 200, 100);
  const oko_thresholds thresholds = everything();
  const auto count_with = [&](oko_detector_options options) {
    oko_detector* detector = nullptr;
    EXPECT_EQ(oko_detector_create(model.get(), &options, &detector), OKO_OK) << oko_last_error();
    const DetectorHandle handle(detector);
    const oko_detection* found = nullptr;
    std::size_t count = 0;
    EXPECT_EQ(oko_detect(detector, &frame, &thresholds, &found, &count), OKO_OK);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_GE(found[i].left, 0);
      EXPECT_LE(found[i].right, 200);
      EXPECT_TRUE(i == 0 || found[i - 1].score >= found[i].score);
    }
    return count;
  };
  oko_detector_options options{};
  options.struct_size = sizeof options;
  const std::size_t whole = count_with(options);
  options.tiles = 1;
  EXPECT_EQ(count_with(options), whole);
  options.tiles = 3;
  EXPECT_GT(count_with(options), whole);
  // Version 0.1 had threads and, behind it, whatever was on the stack.
  options.struct_size = offsetof(oko_detector_options, tiles);
  EXPECT_TRUE(options.struct_size == 16 || sizeof(void*) < 8);
  options.padding = 0x7fffffff;
  EXPECT_EQ(count_with(options), whole);
  options.struct_size = sizeof options;
  for (const std::int32_t wrong : {-1, 17, 1 << 30}) {
    options.tiles = wrong;
    oko_detector* detector = nullptr;
    EXPECT_EQ(oko_detector_create(model.get(), &options, &detector), OKO_INVALID_ARGUMENT);
    EXPECT_EQ(detector, nullptr);
  }
}

TEST(CApi, DetectorsOutliveTheirModelsHandle) {
  ModelHandle model = open_model(small_model());
  const DetectorHandle detector = make_detector(model);
  model.reset();
  const std::vector<float> input(3 * 64 * 64, .5F);
  EXPECT_EQ(oko_run(detector.get(), input.data(), input.size()), OKO_OK);
  const float* values = nullptr;
  std::size_t count = 0;
  ASSERT_EQ(oko_head_map(detector.get(), 0, &values, &count), OKO_OK);
  EXPECT_EQ(count, 7U * 16 * 16);
}

TEST(CApi, BytesInUseAreReleasedOnceWithTheLastHandle) {
  const auto bytes = small_model();
  int released = 0;
  oko_model* model = nullptr;
  const auto release = [](void* context) { ++*static_cast<int*>(context); };
  ASSERT_EQ(oko_model_open_memory(bytes.data(), bytes.size(), release, &released, nullptr, &model),
            OKO_OK);
  oko_model_close(model);
  EXPECT_EQ(released, 1);
  oko_model* none = nullptr;
  EXPECT_EQ(oko_model_open_memory(bytes.data(), 100, release, &released, nullptr, &none),
            OKO_BAD_MODEL);
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(released, 1);
}

#if !defined(__EMSCRIPTEN__)
TEST(CApi, DetectorsOfOneModelAgreeFromSeveralThreads) {
  const ModelHandle model = open_model(small_model());
  const auto pixels = noise(64 * 64 * 3);
  std::array<std::vector<float>, 4> heads;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < heads.size(); ++t) {
    threads.emplace_back([&, t] {
      const DetectorHandle detector = make_detector(model, 1 + static_cast<int>(t % 2));
      const oko_frame frame = rgb_frame(pixels, 64, 64);
      const oko_detection* found = nullptr;
      std::size_t count = 0;
      for (int i = 0; i < 20; ++i) {
        oko_detect(detector.get(), &frame, nullptr, &found, &count);
      }
      const float* values = nullptr;
      oko_head_map(detector.get(), 0, &values, &count);
      heads[t].assign(values, values + count);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& head : heads) EXPECT_EQ(head, heads[0]);
}
#endif

class PackedWeightsCache : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_cache_test_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    path_ = folder_ + "/packed";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  ModelHandle open(const std::vector<std::byte>& bytes) const {
    oko_model_options options{};
    options.struct_size = sizeof options;
    options.cache_path = path_.c_str();
    return open_model(bytes, &options);
  }
  static bool hit(const ModelHandle& model) {
    oko_model_info info{};
    info.struct_size = sizeof info;
    EXPECT_EQ(oko_model_describe(model.get(), &info), OKO_OK);
    return info.cache_hit != 0;
  }
  static std::vector<float> head(const ModelHandle& model) {
    const DetectorHandle detector = make_detector(model);
    const std::vector<float> input(3 * 64 * 64, .5F);
    EXPECT_EQ(oko_run(detector.get(), input.data(), input.size()), OKO_OK);
    const float* values = nullptr;
    std::size_t count = 0;
    EXPECT_EQ(oko_head_map(detector.get(), 0, &values, &count), OKO_OK);
    return std::vector<float>(values, values + count);
  }
  // Opens without the cache.
  void expect_packed_in_memory() {
    const ModelHandle model = open(bytes_);
    ASSERT_NE(model, nullptr) << oko_last_error();
    EXPECT_FALSE(hit(model));
    EXPECT_EQ(head(model), head(open_model(bytes_, nullptr)));
  }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) count += entry.exists();
    return count;
  }

  std::string folder_, path_;
  std::vector<std::byte> bytes_ = small_model();
};

TEST_F(PackedWeightsCache, IsUsedForTheSameModelOnly) {
  const ModelHandle first = open(bytes_);
  EXPECT_FALSE(hit(first));
  const ModelHandle second = open(bytes_);
  EXPECT_TRUE(hit(second));
  EXPECT_EQ(head(first), head(second));
  auto other = bytes_;
  other.back() ^= std::byte{1};  // one bit of a weight
  EXPECT_FALSE(hit(open(other)));
  EXPECT_EQ(files(), 1u);
}

TEST_F(PackedWeightsCache, MayHaveTheLongestName) {
  path_ = folder_ + "/" + std::string(255, 'n');
  EXPECT_FALSE(hit(open(bytes_)));
  EXPECT_TRUE(hit(open(bytes_)));
  EXPECT_EQ(files(), 1u);
}

TEST_F(PackedWeightsCache, WithZerosAsContentIsPackedAgain) {
  open(bytes_);
  const auto size = std::filesystem::file_size(path_);
  for (const std::size_t kept : {64, 0}) {  // the header, nothing
    std::filesystem::resize_file(path_, kept);
    std::filesystem::resize_file(path_, size);
    expect_packed_in_memory();
    EXPECT_TRUE(hit(open(bytes_))) << "was not replaced";
  }
  std::filesystem::resize_file(path_, size / 2);
  expect_packed_in_memory();
  EXPECT_TRUE(hit(open(bytes_)));
}

TEST_F(PackedWeightsCache, LeavesFilesOfOtherKinds) {
  std::ofstream(path_) << "not packed weights";
  expect_packed_in_memory();
  std::string text;
  std::getline(std::ifstream(path_), text);
  EXPECT_EQ(text, "not packed weights");
  std::ofstream(path_, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes_.data()),
             static_cast<std::streamsize>(bytes_.size()));
  expect_packed_in_memory();  // the model's own file
  EXPECT_EQ(std::filesystem::file_size(path_), bytes_.size());
}

#if !defined(__EMSCRIPTEN__)
TEST_F(PackedWeightsCache, ThatCannotBeReadOrWrittenDoesNotPreventOpening) {
  path_ = folder_;  // a folder
  expect_packed_in_memory();
  path_ = folder_ + "/none/packed";
  expect_packed_in_memory();
  path_ = folder_ + "/" + std::string(300, 'n');
  expect_packed_in_memory();
  path_ = "";
  expect_packed_in_memory();
  path_ = "/dev/null";
  expect_packed_in_memory();
  path_ = folder_ + "/pipe";
  ASSERT_EQ(::mkfifo(path_.c_str(), 0644), 0);
  expect_packed_in_memory();
  EXPECT_EQ(files(), 1u);
  path_ += "/under/a/file";
  expect_packed_in_memory();
  if (::geteuid() == 0) return;  // root may read and write everything
  path_ = folder_ + "/packed";
  open(bytes_);
  std::filesystem::permissions(path_, std::filesystem::perms::none);
  expect_packed_in_memory();
}
#endif

TEST(CApi, MistakesReturnCodesWithTexts) {
  const auto bytes = small_model();
  oko_model* none = nullptr;
  EXPECT_EQ(oko_model_open_file("/no/such/file.oko", nullptr, &none), OKO_BAD_MODEL);
  EXPECT_STREQ(oko_last_error(), "/no/such/file.oko: no such file");
  EXPECT_EQ(oko_model_open_file(nullptr, nullptr, &none), OKO_INVALID_ARGUMENT);
  EXPECT_EQ(oko_model_open_memory(bytes.data(), bytes.size(), nullptr, nullptr, nullptr, nullptr),
            OKO_INVALID_ARGUMENT);
  oko_model_options options{};
  EXPECT_EQ(oko_model_open_memory(bytes.data(), bytes.size(), nullptr, nullptr, &options, &none),
            OKO_INVALID_ARGUMENT);  // struct_size is not set
  options.struct_size = sizeof options;
  options.target = "z80";
  EXPECT_EQ(oko_model_open_memory(bytes.data(), bytes.size(), nullptr, nullptr, &options, &none),
            OKO_INVALID_ARGUMENT);
  EXPECT_NE(std::string(oko_last_error()).find("z80"), std::string::npos);
  EXPECT_EQ(none, nullptr);

  const ModelHandle model = open_model(bytes);
  const DetectorHandle detector = make_detector(model);
  EXPECT_EQ(oko_run(detector.get(), reinterpret_cast<const float*>(bytes.data()), 3),
            OKO_INVALID_ARGUMENT);
  const auto pixels = noise(64 * 64 * 3);
  oko_frame frame = rgb_frame(pixels, 64, 64);
  const oko_detection* found = nullptr;
  std::size_t count = 0;
  frame.format = 99;
  EXPECT_EQ(oko_detect(detector.get(), &frame, nullptr, &found, &count), OKO_INVALID_ARGUMENT);
  frame.format = OKO_RGB;
  frame.planes[0] = nullptr;
  EXPECT_EQ(oko_detect(detector.get(), &frame, nullptr, &found, &count), OKO_INVALID_ARGUMENT);
  frame.planes[0] = pixels.data();
  frame.rotation = 45;
  EXPECT_EQ(oko_detect(detector.get(), &frame, nullptr, &found, &count), OKO_INVALID_ARGUMENT);
  const float* values = nullptr;
  EXPECT_EQ(oko_head_map(detector.get(), 1, &values, &count), OKO_INVALID_ARGUMENT);
  EXPECT_EQ(oko_head_map(detector.get(), 0, &values, &count), OKO_INVALID_ARGUMENT);
  EXPECT_THAT(oko_last_error(), testing::HasSubstr("nothing has run yet"));
  oko_model_close(nullptr);
  oko_detector_destroy(nullptr);
}

}  // namespace
}  // namespace oko::runtime
