// Ids that stay with objects: oko's tracker beside ByteTrack and beside matching boxes by overlap
// alone, on rendered scenes or on files of the MOT Challenge. See README.md.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "oko/track/testing/byte_track.h"
#include "oko/track/testing/plain_tracker.h"
#include "oko/track/testing/scene.h"
#include "oko/track/testing/scores.h"
#include "oko/track/tracker.h"

using namespace oko::track;
namespace detect = oko::detect;

namespace {

using Track = std::function<std::vector<Claim>(const ClipFrame&)>;
constexpr float kThreshold = .4F;

Track oko_tracker() {
  const auto tracker = std::make_shared<Tracker>(Options{});
  return [tracker](const ClipFrame& frame) {
    std::vector<Claim> claims;
    for (const Object& o :
         tracker->update(frame.detections, {.score = kThreshold}, frame.seconds)) {
      if (o.state == State::kSeen) claims.push_back({o.id, o.class_id, o.box});
    }
    return claims;
  };
}

Track byte_track() {
  const auto tracker = std::make_shared<ByteTrack>(kThreshold);
  return [tracker](const ClipFrame& frame) { return tracker->update(frame.detections); };
}

Track plain() {
  const auto tracker = std::make_shared<PlainTracker>();
  return
      [tracker](const ClipFrame& frame) { return tracker->update(frame.detections, kThreshold); };
}

struct Sum {
  double idf1 = 0, mota = 0, switches = 0, microseconds = 0;
  int clips = 0;
  void add(const Clip& clip, const Track& track) {
    std::vector<std::vector<Claim>> claims;
    const auto begin = std::chrono::steady_clock::now();
    for (const ClipFrame& frame : clip.frames) claims.push_back(track(frame));
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
    const Scores s = score(clip, claims);
    idf1 += s.idf1;
    mota += s.mota;
    switches += s.switches;
    microseconds += took.count() / static_cast<double>(clip.frames.size());
    ++clips;
  }
  void print(const char* name) const {
    std::printf("  %-10s IDF1 %.3f  MOTA %6.3f  switches %6.1f  %7.1f us a frame\n", name,
                idf1 / clips, mota / clips, switches / clips, microseconds / clips);
  }
};

void compare(const std::string& name, const std::vector<Clip>& clips) {
  std::printf("%s\n", name.c_str());
  for (const auto& [label, make] :
       {std::pair{"oko", &oko_tracker}, {"ByteTrack", &byte_track}, {"plain", &plain}}) {
    Sum sum;
    for (const Clip& clip : clips) sum.add(clip, make());
    sum.print(label);
  }
}

// frame, id, left, top, width, height, considered, class, visibility
Clip read_mot(const char* path, int every, double frames_per_second) {
  std::ifstream file(path);
  std::map<int, ClipFrame> frames;
  for (std::string line; std::getline(file, line);) {
    for (char& c : line) {
      if (c == ',') c = ' ';
    }
    std::istringstream in(line);
    double number = 0, id = 0, left = 0, top = 0, width = 0, height = 0, considered = 0, kind = 0,
           visible = 0;
    if (!(in >> number >> id >> left >> top >> width >> height >> considered >> kind >> visible)) {
      std::fprintf(stderr, "%s: not a line of a gt.txt: %s\n", path, line.c_str());
      std::exit(3);
    }
    const int frame = static_cast<int>(number);
    if ((frame - 1) % every != 0) continue;
    frames[frame].seconds = frame / frames_per_second;
    if (considered == 0) continue;
    const auto x = static_cast<float>(left), y = static_cast<float>(top);
    const oko::image::Box box{x, y, x + static_cast<float>(width), y + static_cast<float>(height)};
    frames[frame].truth.push_back(
        {static_cast<std::uint64_t>(id), static_cast<int>(kind), box, box, visible});
  }
  Clip clip;
  oko::Random random(1);
  for (auto& [number, frame] : frames) {
    detect_in(frame, {1920, 1080}, {}, random);
    clip.frames.push_back(std::move(frame));
  }
  return clip;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    for (const int every : {1, 3, 6}) {
      for (int i = 1; i < argc; ++i) {
        compare(std::string(argv[i]) + ", every " + std::to_string(every),
                {read_mot(argv[i], every, 30)});
      }
    }
    return 0;
  }
  std::vector<Clip> all;
  for (const Scene& scene : scenes()) {
    std::vector<Clip> clips;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) clips.push_back(rendered(scene, seed));
    compare(scene.name, clips);
    all.insert(all.end(), clips.begin(), clips.end());
  }
  compare("all", all);
}
