// oko-bench MODEL.oko [--precision P] [--target NAME] [--threads N] [--size WxH] [--frame WxH]
//           [--warm-up N] [--rounds N]
//
// The measuring program for phones: one static file, which `oko bench --adb` pushes and runs.
// Prints one JSON document (docs/bench.md), {"error": {"message": …}} if it fails.
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

#include "oko/base/error.h"
#include "oko/bench/measure.h"

namespace oko::bench {
namespace {

constexpr int kMostThreads = 1024, kMostSide = 16384, kMostRounds = 100000;

[[noreturn]] void refuse(std::string_view option, std::string_view value) {
  throw Error(ErrorCode::kUsage, std::string(option), "invalid value " + std::string(value));
}

int number(std::string_view option, std::string_view text, int least, int most) {
  int value = -1;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc() || end != last || value < least || value > most) refuse(option, text);
  return value;
}

void take_size(std::string_view option, std::string_view text, int& width, int& height) {
  const std::size_t x = text.find('x');
  if (x == std::string_view::npos) refuse(option, text);
  width = number(option, text.substr(0, x), 1, kMostSide);
  height = number(option, text.substr(x + 1), 1, kMostSide);
}

void take(std::string_view option, const char* value, Settings& settings) {
  if (option == "--precision") {
    settings.precision = value;
  } else if (option == "--target") {
    settings.target = value;
  } else if (option == "--threads") {
    settings.threads = number(option, value, 1, kMostThreads);
  } else if (option == "--size") {
    take_size(option, value, settings.width, settings.height);
  } else if (option == "--frame") {
    take_size(option, value, settings.frame_width, settings.frame_height);
  } else if (option == "--warm-up") {
    settings.warm_up = number(option, value, 0, kMostRounds);
  } else if (option == "--rounds") {
    settings.rounds = number(option, value, 0, kMostRounds);
  } else {
    throw Error(ErrorCode::kUsage, std::string(option), "unknown option");
  }
}

Settings settings_of(int argc, char** argv) {
  if (argc < 2) throw Error(ErrorCode::kUsage, "oko-bench", "the model is missing");
  Settings settings;
  settings.file = argv[1];
  for (int i = 2; i < argc; i += 2) {
    if (i + 1 == argc) throw Error(ErrorCode::kUsage, argv[i], "the value is missing");
    take(argv[i], argv[i + 1], settings);
  }
  return settings;
}

void print(const Json& document) {
  std::puts(document.dump(2, ' ', true, Json::error_handler_t::replace).c_str());
}

}  // namespace
}  // namespace oko::bench

int main(int argc, char** argv) {
  namespace bench = oko::bench;
  try {
    bench::print(bench::to_json(bench::measure(bench::settings_of(argc, argv))));
    return 0;
  } catch (const std::exception& e) {
    bench::print({{"error", {{"message", e.what()}}}});
    return 1;
  }
}
