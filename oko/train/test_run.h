#pragma once

// Whole runs for tests: on two dozen synthetic pictures, each a bright square on a dark ground.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "oko/dataset/test_data.h"
#include "oko/graph/oko_file.h"
#include "oko/media/picture.h"
#include "oko/run/run.h"
#include "oko/storage/store.h"
#include "oko/train/checkpoint.h"
#include "oko/train/test_support.h"
#include "oko/train/trainer.h"

namespace oko::train {

inline constexpr int kSide = 64;

inline void write_square(const std::string& folder, const std::string& split, int number,
                         Random& random) {
  const int size = static_cast<int>(random.uniform(12, 28));
  const int left = static_cast<int>(random.uniform(1, kSide - 1 - size));
  const int top = static_cast<int>(random.uniform(1, kSide - 1 - size));
  image::Picture picture{{kSide, kSide}, {}};
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const bool inside = x >= left && x < left + size && y >= top && y < top + size;
      for (int c = 0; c < 3; ++c) {
        picture.rgb.push_back(
            static_cast<std::uint8_t>(random.uniform(0, 60) + (inside ? 180 : 0)));
      }
    }
  }
  const std::string name = fmt::format("{}{}{:02}", split, split.empty() ? "" : "/", number);
  media::save(picture, storage::join(folder, "images/" + name + ".png"));
  const double side = kSide;
  storage::write(storage::join(folder, "labels/" + name + ".txt"),
                 fmt::format("0 {} {} {} {}\n", (left + size / 2.) / side, (top + size / 2.) / side,
                             size / side, size / side));
}

struct Parts {
  int train = 20, val = 8;
};

inline std::string make_squares(const std::string& folder, Parts parts = {}) {
  Random random(42);
  for (int i = 0; i < parts.train; ++i) write_square(folder, "train", i, random);
  for (int i = 0; i < parts.val; ++i) write_square(folder, "val", i, random);
  storage::write(storage::join(folder, "data.yaml"),
                 std::string("train: images/train\n") + (parts.val > 0 ? "val: images/val\n" : "") +
                     "nc: 1\nnames: [square]\n");
  return folder;
}

class Lines final : public Progress {
 public:
  void begin(std::string_view, std::uint64_t, std::string_view) override {}
  void advance(std::uint64_t) override {}
  void note(std::string_view) override {}
  void end() override {}
  void line(std::string_view text) override { lines.emplace_back(text); }
  std::vector<std::string> lines;
};

class Training : public ::testing::Test {
 protected:
  // A run of `epochs` epochs of five updates, with all of training's randomness.
  Recipe recipe(int epochs) {
    Recipe r;
    r.dataset = dataset_;
    if (!storage::exists(dataset_)) make_squares(dataset_);
    r.network = network_file(false);
    r.epochs = epochs;
    r.batch = 4;
    r.rate = 5e-3;
    r.warmup_epochs = 1;
    r.plain_epochs = 1;
    r.device = "cpu";
    r.precision = ComputeType::kFloat32;
    r.threads = 1;
    r.loader_threads = 2;
    return r;
  }

  std::string network_file(bool dropout) {
    const std::string uri = folder_ / (dropout ? "dropout.cfg" : "tiny.cfg");
    storage::write(uri, tiny_cfg(dropout));
    return uri;
  }

  // The folder of a run: below the test's folder, or the name itself if it is a URI.
  std::string place(const std::string& name) { return storage::join(folder_.path(), name); }

  TrainResult run(const Recipe& r, const std::string& name) {
    return train::train(r, {.out = place(name)}, progress_);
  }

  // Trains until asked whether to stop this many times: after each update and each epoch, so six
  // times in an epoch of five.
  Error interrupt(const Recipe& r, const std::string& name, int times, bool resume = false) {
    TrainOptions options{.out = place(name), .resume = resume};
    int asked = 0;
    options.stop = [&] { return ++asked == times; };
    return error_of([&] { train::train(r, options, progress_); });
  }

  TrainResult go_on(const std::string& name) {
    return train::train({}, {.out = place(name), .resume = true}, progress_);
  }

  std::vector<Json> events(const std::string& name, const std::string& kind) {
    std::vector<Json> found;
    for (const Json& event : run::read_log(storage::join(place(name), "log.jsonl"))) {
      if (event["event"] == kind) found.push_back(event);
    }
    return found;
  }

  graph::Network model(const std::string& name, const std::string& file = "model.oko") {
    const std::string uri = storage::join(place(name), file);
    return graph::read_oko(storage::read(uri), uri).network;
  }

  Checkpoint newest(const std::string& name) {
    std::vector<std::string> skipped;
    auto checkpoint = read_newest_checkpoint(storage::join(place(name), "checkpoints"), skipped);
    EXPECT_TRUE(skipped.empty());
    EXPECT_TRUE(checkpoint.has_value());
    return checkpoint.value_or(Checkpoint());
  }

  // One uninterrupted run, and one stopped several times, as interrupt() counts: bit-identical in
  // models, optimizer, averages and logged losses.
  void expect_resume_is_exact(const Recipe& r, const std::vector<int>& stops) {
    run(r, "whole");
    bool resume = false;
    for (const int times : stops) {
      const Error e = interrupt(r, "parts", times, resume);
      ASSERT_EQ(e.code(), ErrorCode::kInterrupted) << e.what();
      resume = true;
    }
    go_on("parts");
    expect_same(model("whole").weights, model("parts").weights);
    const Checkpoint whole = newest("whole"), parts = newest("parts");
    expect_same(whole.network.weights, parts.network.weights);
    expect_same(whole.extra, parts.extra);
    EXPECT_EQ(whole.position.step, parts.position.step);
    EXPECT_EQ(whole.position.schedule, parts.position.schedule);
    EXPECT_EQ(whole.position.best_fitness, parts.position.best_fitness);
    const auto steps = events("whole", "step"), others = events("parts", "step");
    ASSERT_EQ(steps.size(), others.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
      for (const char* key : {"step", "epoch", "stage", "loss", "box", "rate", "gradient_norm"}) {
        EXPECT_EQ(steps[i][key], others[i][key]) << key << " of step " << i + 1;
      }
    }
    EXPECT_EQ(events("parts", "epoch").size(), static_cast<std::size_t>(r.epochs));
  }

  static void expect_same(const graph::Weights& a, const graph::Weights& b) {
    ASSERT_EQ(a.size(), b.size());
    for (const auto& [name, tensor] : a) {
      EXPECT_EQ(tensor.data.text(), b.at(name).data.text()) << name;
    }
  }

  const dataset::ScratchFolder folder_;
  const std::string dataset_ = folder_ / "data";
  Lines progress_;
};

}  // namespace oko::train
