#include "oko/runtime/live.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "oko/runtime/test_c_api.h"

namespace oko::runtime {
namespace {

std::shared_ptr<const Model> make_model(int side = 64) {
  return Model::make(graph::resized(small_network(), side, side), {});
}

struct Camera {
  std::vector<std::uint8_t> pixels = noise(std::size_t{3} * 80 * 60);
  image::Frame frame;
  Camera() {
    frame.size = {80, 60};
    frame.planes[0] = pixels.data();
  }
};

TEST(Live, FreesModelsThatWereSwapped) {
  const Camera camera;
  auto first = make_model();
  const std::weak_ptr<const Model> watched = first;
  Live live({std::move(first)}, {}, {}, {.tracker = track::Options{}});
  for (int i = 0; i < 3; ++i) {
    live.submit(camera.frame, i);
    live.next(0);
  }
  live.swap({make_model()}, {});
  EXPECT_FALSE(watched.expired());  // for a way back
  live.trim();                      // without another frame
  EXPECT_TRUE(watched.expired());
}

TEST(Live, FreesModelsWithTheFrameThatWaitedForThem) {
  const Camera camera;
  auto first = make_model();
  const std::weak_ptr<const Model> watched = first;
  Live live({std::move(first)}, {}, {}, {});
  live.submit(camera.frame, 1);
  live.swap({make_model()}, {});
  live.trim();
  EXPECT_FALSE(watched.expired());
  live.next(0);
  EXPECT_TRUE(watched.expired());
  live.submit(camera.frame, 2);
  live.stop();
  EXPECT_EQ(live.submit(camera.frame, 3), Live::Taken::kSkippedStop);
}

TEST(Live, DoesNotTakeObjectsOfOneModelForThoseOfAnother) {
  // Both have no names of classes, but different numbers of them.
  const auto unnamed = [](std::vector<std::string> classes) {
    graph::Network network = small_network("small", std::move(classes));
    network.classes.clear();
    return Model::make(std::move(network), {});
  };
  const Camera camera;
  Live live({unnamed({"a", "b"})}, {}, {{.score = .12F}}, {.tracker = track::Options{}});
  for (int i = 0; i < 3; ++i) {
    live.submit(camera.frame, i / 10.);
    live.next(0);
  }
  ASSERT_GT(live.objects().size(), 0U);
  live.swap({unnamed({"a"})}, {});
  live.submit(camera.frame, .3);
  live.next(0);
  EXPECT_EQ(live.objects().size(), 0U);
}

}  // namespace
}  // namespace oko::runtime
