#include "oko/track/testing/scene.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace oko::track {
namespace {

// Pixels are counted in a picture of half the size.
constexpr int kStep = 2, kWidth = kSceneSize.width / kStep, kHeight = kSceneSize.height / kStep;

struct Body {
  double x, y, width, height, velocity_x, velocity_y;
  int class_id;
  std::uint64_t id = 0;
};

class World {
 public:
  World(const Scene& scene, Random& random) : scene_(scene), random_(random) {
    const double high = kSceneSize.height;
    for (int i = 0; i < scene.objects; ++i) {
      const double height = random.uniform(scene.smallest, scene.largest) * high;
      const double direction = random.uniform(0, 2 * std::numbers::pi);
      const double speed = random.uniform(.4, 1.) * scene.speed * high;
      bodies_.push_back(
          {random.uniform(0, kSceneSize.width), random.uniform(0, high),
           height * random.uniform(.5, 1.2), height, speed * std::cos(direction),
           speed * std::sin(direction),
           static_cast<int>(random.below(static_cast<std::uint64_t>(scene.classes)))});
    }
    for (int i = 0; i < scene.pillars; ++i) {
      pillars_.push_back(kSceneSize.width * (i + .5) / scene.pillars);
    }
  }

  void advance(double seconds) {
    time_ += seconds;
    const double high = kSceneSize.height;
    for (Body& b : bodies_) {
      const double change = scene_.turning * scene_.speed * high * std::sqrt(seconds);
      b.velocity_x += change * random_.normal() * .5;
      b.velocity_y += change * random_.normal() * .5;
      const double speed = std::hypot(b.velocity_x, b.velocity_y), most = scene_.speed * high;
      if (speed > most) {
        b.velocity_x *= most / speed;
        b.velocity_y *= most / speed;
      }
      b.x += b.velocity_x * seconds;
      b.y += b.velocity_y * seconds;
      // They turn round outside of the picture. Nobody could tell that it is the same one that
      // comes back.
      const double over = b.height;
      if (b.x < -over) b.velocity_x = std::abs(b.velocity_x);
      if (b.x > kSceneSize.width + over) b.velocity_x = -std::abs(b.velocity_x);
      if (b.y < -over) b.velocity_y = std::abs(b.velocity_y);
      if (b.y > high + over) b.velocity_y = -std::abs(b.velocity_y);
    }
    if (random_.chance(scene_.jerks * seconds)) {
      jerk_x_ += random_.normal() * .08 * high;
      jerk_y_ += random_.normal() * .08 * high;
    }
    jerk_x_ *= std::exp(-seconds);
    jerk_y_ *= std::exp(-seconds);
  }

  std::vector<Truth> look() {
    const double sway = scene_.camera * kSceneSize.height;
    const double camera_x = jerk_x_ + sway * std::sin(1.3 * time_),
                 camera_y = jerk_y_ + .5 * sway * std::sin(1.9 * time_);
    std::vector<int> owner(std::size_t{kWidth} * kHeight, -1);
    std::vector<Truth> truth;
    std::vector<std::int64_t> all(bodies_.size());
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      const Body& b = bodies_[i];
      const double left = b.x - b.width / 2 - camera_x, top = b.y - b.height / 2 - camera_y;
      all[i] = draw(owner, left, top, b, static_cast<int>(i));
    }
    for (const double x : pillars_) {
      const int from = std::clamp(static_cast<int>((x - camera_x - 12) / kStep), 0, kWidth);
      const int to = std::clamp(static_cast<int>((x - camera_x + 12) / kStep), 0, kWidth);
      for (int row = 0; row < kHeight; ++row) {
        for (int column = from; column < to; ++column) owner[row * kWidth + column] = -1;
      }
    }
    std::vector<std::int64_t> seen(bodies_.size());
    std::vector<std::array<int, 4>> edges(bodies_.size(), {kWidth, kHeight, -1, -1});
    for (int row = 0; row < kHeight; ++row) {
      for (int column = 0; column < kWidth; ++column) {
        const int i = owner[row * kWidth + column];
        if (i < 0) continue;
        ++seen[i];
        std::array<int, 4>& e = edges[i];
        e = {std::min(e[0], column), std::min(e[1], row), std::max(e[2], column),
             std::max(e[3], row)};
      }
    }
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      Body& b = bodies_[i];
      const double x = std::abs(b.x - camera_x - kSceneSize.width / 2.),
                   y = std::abs(b.y - camera_y - kSceneSize.height / 2.);
      if (b.id == 0 || 2 * x > kSceneSize.width + b.width || 2 * y > kSceneSize.height + b.height) {
        b.id = ++last_id_;
      }
      if (all[i] == 0 || seen[i] == 0) continue;
      const auto left = static_cast<float>(b.x - b.width / 2 - camera_x);
      const auto top = static_cast<float>(b.y - b.height / 2 - camera_y);
      const image::Box box = image::clipped(
          {left, top, left + static_cast<float>(b.width), top + static_cast<float>(b.height)},
          kSceneSize);
      const std::array<int, 4>& e = edges[i];
      const image::Box visible = {
          static_cast<float>(e[0] * kStep), static_cast<float>(e[1] * kStep),
          static_cast<float>((e[2] + 1) * kStep), static_cast<float>((e[3] + 1) * kStep)};
      truth.push_back({b.id, b.class_id, box, visible,
                       static_cast<double>(seen[i]) / static_cast<double>(all[i])});
    }
    return truth;
  }

 private:
  // Returns how many pixels it has, in the picture or not.
  static std::int64_t draw(std::vector<int>& owner, double left, double top, const Body& b, int i) {
    std::int64_t count = 0;
    const int first_row = static_cast<int>(std::floor(top / kStep)),
              first_column = static_cast<int>(std::floor(left / kStep));
    const int rows = static_cast<int>(b.height / kStep),
              columns = static_cast<int>(b.width / kStep);
    for (int row = 0; row < rows; ++row) {
      for (int column = 0; column < columns; ++column) {
        const double x = (column + .5) / columns * 2 - 1, y = (row + .5) / rows * 2 - 1;
        if (b.class_id % 2 == 0 && x * x + y * y > 1) continue;
        ++count;
        const int r = first_row + row, c = first_column + column;
        if (r >= 0 && r < kHeight && c >= 0 && c < kWidth) owner[r * kWidth + c] = i;
      }
    }
    return count;
  }

  const Scene& scene_;
  Random& random_;
  std::vector<Body> bodies_;
  std::vector<double> pillars_;
  std::uint64_t last_id_ = 0;
  double time_ = 0, jerk_x_ = 0, jerk_y_ = 0;
};

}  // namespace

const std::vector<Scene>& scenes() {
  static const std::vector<Scene> all = {
      {.name = "few", .objects = 4},
      {.name = "many", .objects = 30, .smallest = .06, .largest = .12},
      {.name = "crowd", .objects = 50, .smallest = .08, .largest = .16, .speed = .15},
      {.name = "behind pillars", .objects = 10, .pillars = 6},
      {.name = "three classes", .objects = 15, .classes = 3},
      {.name = "fast", .objects = 6, .speed = .8, .turning = 1},
      {.name = "camera sways", .objects = 12, .camera = .15},
      {.name = "camera jerks", .objects = 12, .pillars = 3, .jerks = 1.5},
      {.name = "ten frames a second", .objects = 10, .frames_per_second = 10},
      {.name = "five frames a second", .objects = 6, .frames_per_second = 5},
  };
  return all;
}

Clip rendered(const Scene& scene, std::uint64_t seed, const Detecting& detecting) {
  Random world_random(seed, 1), detector_random(seed, 2);
  World world(scene, world_random);
  Clip clip;
  // The world goes on in small steps, whatever the frame rate is.
  constexpr double kWorldStep = 1. / 60;
  double next = 0;
  for (double time = 0; time < scene.seconds; time += kWorldStep) {
    world.advance(kWorldStep);
    if (time < next) continue;
    next += 1 / scene.frames_per_second;
    ClipFrame frame{time, world.look(), {}};
    detect_in(frame, kSceneSize, detecting, detector_random);
    clip.frames.push_back(std::move(frame));
  }
  return clip;
}

}  // namespace oko::track
