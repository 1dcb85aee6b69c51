#include <cctype>
#include <string>

#include "oko/base/error.h"
#include "oko/formats/wrappers.h"

namespace oko::formats {
namespace {

bool is_package(const std::string& name) {
  bool begins = true;  // a part of the name
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '.' ? begins : !(std::isalpha(byte) || c == '_' || (!begins && std::isdigit(byte)))) {
      return false;
    }
    begins = c == '.';
  }
  return !begins;
}

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  throw Error(ErrorCode::kUsage, "wrapper", message, hint);
}

void check(const Format& format, const WriteOptions& options) {
  const auto share = [](float value) { return value >= 0 && value <= 1; };
  if (!share(options.thresholds.score) || !share(options.thresholds.iou)) {
    refuse("thresholds must be between 0 and 1", "the usual ones are .25 and .45");
  }
  if (options.thresholds.max_detections < 1)
    refuse("the maximum number of detections must be at least 1", "the usual one is 300");
  if (options.boxes) {
    if (const char* hint = format.limits(options).no_boxes) {
      refuse(std::string(format.title) + " models cannot contain decoding", hint);
    }
  }
  if (!is_package(options.kotlin_package)) {
    refuse(options.kotlin_package + " is not a package name", "write it as com.example.app");
  }
}

}  // namespace

std::vector<File> write_wrapper(const graph::Network& network, const Format& format,
                                const WriteOptions& options, const std::string& stem) {
  if (format.wrapper == nullptr || network.heads().empty() || network.input.channels != 3)
    return {};
  check(format, options);
  return format.wrapper(network, options, stem);
}

}  // namespace oko::formats
