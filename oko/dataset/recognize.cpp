#include "oko/dataset/recognize.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "oko/base/error.h"
#include "oko/dataset/file_kind.h"
#include "oko/dataset/unread.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

constexpr const char* kExport = "export it as COCO, VOC or YOLO";

struct Evidence {
  const Format* format = nullptr;
  const FormatFile* kind = nullptr;
  std::string file;
};

// What a file shows that is not known yet, usually nothing.
std::optional<Evidence> look_at(const Tree& tree, const std::string& path,
                                const std::vector<Evidence>& known = {}) {
  const std::string extension = storage::extension(path);
  std::optional<Text> text;
  for (const Format* format : formats()) {
    for (const FormatFile& kind : format->files) {
      const bool is_known = std::ranges::any_of(known, [&](const Evidence& e) {
        return e.format == format && e.kind->is_certain == kind.is_certain;
      });
      if (is_known || !has_extension(kind, extension)) continue;
      if (!text) text = tree.look_at(path);
      if (kind.matches(text->text())) return Evidence{format, &kind, path};
    }
  }
  return std::nullopt;
}

// One piece of evidence per format and kind is enough; so is the first label file of many.
std::vector<Evidence> look_around(const Tree& tree) {
  std::vector<Evidence> found;
  for (const std::string& path : tree.files()) {
    const bool is_another_label =
        !storage::parent(path).empty() && std::ranges::any_of(found, [&](const Evidence& e) {
          return e.kind->needs_image && has_extension(*e.kind, storage::extension(path));
        });
    if (is_another_label) continue;
    if (auto evidence = look_at(tree, path, found)) found.push_back(*std::move(evidence));
  }
  return found;
}

// "a, b and c"
std::string listed(const std::vector<std::string>& names, const char* last) {
  const auto end = names.end() - 1;
  return fmt::format("{} {} {}", fmt::join(names.begin(), end, ", "), last, *end);
}

std::string file_names() {
  std::vector<std::string> names;
  for (const Format* format : formats()) {
    for (const FormatFile& kind : format->files) {
      if (!kind.needs_image) names.emplace_back(kind.name);
    }
  }
  return listed(names, "nor");
}

std::string evidence_names() {
  std::vector<std::string> names;
  for (const Format* format : formats()) names.emplace_back(format->evidence);
  return listed(names, "and");
}

const Format& recognize_file(const Tree& tree) {
  if (const auto evidence = look_at(tree, tree.file())) return *evidence->format;
  if (const auto kind =
          kind_of_file(storage::extension(tree.file()), tree.look_at(tree.file()).text())) {
    throw input_error(tree.uri(tree.file()),
                      fmt::format("is {}, which oko does not read", kind->name), kExport);
  }
  throw input_error(tree.uri(tree.file()), fmt::format("is neither {}", file_names()),
                    "give the dataset's folder, or use --format");
}

}  // namespace

const Format& recognize(const Tree& tree) {
  if (!tree.file().empty()) return recognize_file(tree);
  std::vector<Evidence> found = look_around(tree);
  if (std::any_of(found.begin(), found.end(),
                  [](const Evidence& e) { return e.kind->is_certain; })) {
    std::erase_if(found, [](const Evidence& e) { return !e.kind->is_certain; });
  }
  if (found.size() == 1) return *found.front().format;
  if (found.empty()) {
    if (const std::string foreign = foreign_annotations(tree); !foreign.empty()) {
      throw input_error(tree.root(), foreign + ", which oko does not read", kExport);
    }
    throw input_error(tree.root(),
                      fmt::format("no annotations among its {} files ({} images); looked for {}",
                                  tree.files().size(), tree.pictures().size(), evidence_names()),
                      "check the folder, or use --format");
  }
  std::vector<std::string> candidates;
  for (const Evidence& e : found) {
    candidates.push_back(fmt::format("{} ({})", e.format->name, e.file));
  }
  throw Error(ErrorCode::kUsage, tree.root(),
              fmt::format("could be {}", fmt::join(candidates, " or ")), "choose with --format");
}

}  // namespace oko::dataset
