#include "oko/dataset/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <span>

#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

std::string hash_text(std::string_view text) {
  return storage::sha256(std::as_bytes(std::span(text.data(), text.size())));
}

std::string picture_mark(storage::Files& files, const std::string& name) {
  constexpr std::uint64_t kPart = 4096;
  const auto size = files.size(name);
  if (!size) return "0";
  std::string ends(files.read_part(name, 0, kPart).text());
  if (*size > kPart) ends += files.read_part(name, std::max(kPart, *size - kPart), kPart).text();
  return fmt::format("{} {}", *size, hash_text(ends));
}

std::string describe(const Dataset& dataset, const Sample& sample) {
  std::string text = fmt::format("{}\n{}\n{}\n", sample.id, sample.split,
                                 picture_mark(*dataset.files, sample.image));
  for (const Object& object : sample.objects) {
    const image::Box& b = object.box;
    text += fmt::format("{} {} {} {} {} {:d}{:d}\n", object.class_id, b.left, b.top, b.right,
                        b.bottom, object.difficult, object.crowd);
  }
  return text;
}

}  // namespace

Bytes picture_bytes(const Dataset& dataset, const Sample& sample) {
  return dataset.files->read(sample.image);
}

void read_ahead(const Dataset& dataset, std::span<const std::size_t> samples) {
  std::vector<std::string> names;
  names.reserve(samples.size());
  for (const std::size_t i : samples) names.push_back(dataset.samples[i].image);
  dataset.files->read_ahead(std::move(names));
}

void read_ahead(const Dataset& dataset) {
  std::vector<std::size_t> all(dataset.samples.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  read_ahead(dataset, all);
}

Dataset empty_like(const Dataset& dataset) {
  return {dataset.uri, dataset.format, dataset.classes, {}, dataset.files};
}

// The split that has the samples of one.
static const std::string& holder_of(const Dataset& dataset, const std::string& split) {
  const auto same = dataset.same_splits.find(split);
  return same == dataset.same_splits.end() ? split : same->second;
}

bool has_split(const Dataset& dataset, const std::string& split) {
  const std::string& holder = holder_of(dataset, split);
  return std::any_of(dataset.samples.begin(), dataset.samples.end(),
                     [&](const Sample& sample) { return sample.split == holder; });
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
                names.empty() ? "the dataset has no splits; create them with oko data split"
                              : "it has " + names);
  }
  const std::string& holder = holder_of(dataset, split);
  Dataset part = empty_like(dataset);
  std::copy_if(dataset.samples.begin(), dataset.samples.end(), std::back_inserter(part.samples),
               [&](const Sample& sample) { return sample.split == holder; });
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
  constexpr int kAtOnce = 16;  // bound by the disk or a bucket
  std::vector<std::string> hashes(dataset.samples.size());
  ThreadPool(kAtOnce).parallel_for(hashes.size(), [&](std::size_t i) {
    hashes[i] = hash_text(describe(dataset, dataset.samples[i]));
  });
  std::sort(hashes.begin(), hashes.end());
  std::string all;
  for (const std::string& name : dataset.classes) all += name + "\n";
  for (const std::string& hash : hashes) all += hash + "\n";
  return hash_text(all);
}

}  // namespace oko::dataset
