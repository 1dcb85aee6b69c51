#include "oko/dataset/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

std::string hash_text(std::string_view text) {
  return storage::sha256(std::as_bytes(std::span(text.data(), text.size())));
}

std::string picture_mark(const std::string& uri) {
  constexpr std::uint64_t kPart = 4096;
  const auto entry = storage::stat(uri);
  if (!entry || entry->is_folder) return "0";
  storage::Store& store = storage::store_for(uri);
  std::string ends(store.read_range(uri, 0, kPart).text());
  if (entry->size > kPart) {
    ends += store.read_range(uri, std::max(kPart, entry->size - kPart), kPart).text();
  }
  return fmt::format("{} {}", entry->size, hash_text(ends));
}

std::string describe(const Sample& sample) {
  std::string text =
      fmt::format("{}\n{}\n{}\n", sample.id, sample.split, picture_mark(sample.image));
  for (const Object& object : sample.objects) {
    const image::Box& b = object.box;
    text += fmt::format("{} {} {} {} {} {:d}{:d}\n", object.class_id, b.left, b.top, b.right,
                        b.bottom, object.difficult, object.crowd);
  }
  return text;
}

}  // namespace

bool has_split(const Dataset& dataset, const std::string& split) {
  return std::any_of(dataset.samples.begin(), dataset.samples.end(),
                     [&](const Sample& sample) { return sample.split == split; });
}

std::vector<std::string> split_names(const Dataset& dataset) {
  const auto rank = [](const std::string& name) {
    const std::vector<std::string> usual{"train", "val", "test"};
    const auto found = std::find(usual.begin(), usual.end(), name);
    return name.empty() ? 4 : static_cast<int>(found - usual.begin());
  };
  std::set<std::pair<int, std::string>> seen;
  for (const Sample& sample : dataset.samples) seen.emplace(rank(sample.split), sample.split);
  std::vector<std::string> names;
  for (const auto& [order, name] : seen) names.push_back(name);
  return names;
}

Dataset subset(const Dataset& dataset, const std::string& split) {
  if (!has_split(dataset, split)) {
    std::string names;
    for (const std::string& name : split_names(dataset)) {
      if (!name.empty()) names += (names.empty() ? "" : ", ") + name;
    }
    throw Error(ErrorCode::kUsage, dataset.uri, "no split \"" + split + "\"",
                names.empty() ? "the dataset has no splits; make some with oko data split"
                              : "it has " + names);
  }
  Dataset part{dataset.uri, dataset.format, dataset.classes, {}};
  std::copy_if(dataset.samples.begin(), dataset.samples.end(), std::back_inserter(part.samples),
               [&](const Sample& sample) { return sample.split == split; });
  return part;
}

std::optional<int> class_named(const Dataset& dataset, const std::string& name) {
  const auto found = std::find(dataset.classes.begin(), dataset.classes.end(), name);
  if (found == dataset.classes.end()) return std::nullopt;
  return static_cast<int>(found - dataset.classes.begin());
}

std::size_t count_objects(const Dataset& dataset) {
  std::size_t count = 0;
  for (const Sample& sample : dataset.samples) count += sample.objects.size();
  return count;
}

std::string fingerprint(const Dataset& dataset) {
  std::vector<std::string> hashes;
  hashes.reserve(dataset.samples.size());
  for (const Sample& sample : dataset.samples) hashes.push_back(hash_text(describe(sample)));
  std::sort(hashes.begin(), hashes.end());
  std::string all;
  for (const std::string& name : dataset.classes) all += name + "\n";
  for (const std::string& hash : hashes) all += hash + "\n";
  return hash_text(all);
}

}  // namespace oko::dataset
