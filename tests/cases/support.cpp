#include "tests/cases/support.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "oko/base/error.h"
#include "oko/dataset/read.h"

namespace oko::cases {
namespace {

// Text without the case's own folder, which differs between machines.
std::string relative(std::string text, const std::string& root) {
  for (auto at = text.find(root); at != std::string::npos; at = text.find(root, at)) {
    const std::size_t slash = text.compare(at + root.size(), 1, "/") == 0 ? 1 : 0;
    text.replace(at, root.size() + slash, slash ? "" : ".");
  }
  return text;
}

double hundredth(double value) { return std::round(value * 100) / 100 + 0.0; }

std::string described(const dataset::Sample& sample, const dataset::Dataset& dataset) {
  std::string line = fmt::format("{} {}x{}", sample.image, sample.size.width, sample.size.height);
  if (!sample.split.empty()) line += " " + sample.split;
  std::vector<std::string> objects;
  for (const dataset::Object& object : sample.objects) {
    const image::Box& box = object.box;
    objects.push_back(fmt::format(
        "{} {},{},{},{}", dataset.classes.at(static_cast<std::size_t>(object.class_id)),
        hundredth(box.left), hundredth(box.top), hundredth(box.right), hundredth(box.bottom)));
  }
  return line + ": " + (objects.empty() ? "nothing" : fmt::format("{}", fmt::join(objects, "; ")));
}

}  // namespace

std::string folder_of(const std::string& group) {
  const char* root = std::getenv("OKO_DATA");
  const std::string folder = root ? std::string(root) + "/../cases/" + group : "";
  return !folder.empty() && std::filesystem::exists(folder) ? folder : "";
}

std::string described(const std::string& root) {
  std::vector<dataset::Finding> findings;
  std::vector<std::string> lines;
  std::string text;
  try {
    dataset::Dataset dataset = dataset::read(root, {}, &findings);
    text = fmt::format("{}: {}", dataset.format, fmt::join(dataset.classes, ", "));
    for (const dataset::Sample& sample : dataset.samples) {
      lines.push_back(relative(described(sample, dataset), root));
    }
    std::sort(lines.begin(), lines.end());
    const auto pictures = static_cast<std::ptrdiff_t>(lines.size());
    for (const dataset::Finding& finding : findings) {
      lines.push_back(fmt::format("{} {}: {}", name_of(finding.severity), finding.kind,
                                  relative(finding.place, root)));
    }
    std::sort(lines.begin() + pictures, lines.end());
  } catch (const Error& error) {
    text = relative(fmt::format("error {}: {}: {}", static_cast<int>(error.code()), error.place(),
                                error.message()),
                    root);
    lines.clear();
  }
  for (const std::string& line : lines) text += "\n" + line;
  return text;
}

}  // namespace oko::cases
