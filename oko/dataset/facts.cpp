#include "oko/dataset/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>

#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

bool is_grey(const image::Picture& picture) {
  for (std::size_t i = 0; i + 2 < picture.rgb.size(); i += 3) {
    if (picture.rgb[i] != picture.rgb[i + 1] || picture.rgb[i] != picture.rgb[i + 2]) return false;
  }
  return true;
}

std::uint64_t outline_of(const image::Picture& picture) {
  constexpr int kColumns = 9, kRows = 8;
  const image::Picture small = media::resized(picture, {kColumns, kRows});
  const auto brightness = [&](int row, int column) {
    const std::uint8_t* pixel = small.rgb.data() + 3 * (static_cast<std::size_t>(row) * kColumns +
                                                        static_cast<std::size_t>(column));
    return 299 * pixel[0] + 587 * pixel[1] + 114 * pixel[2];
  };
  std::uint64_t signs = 0;
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column + 1 < kColumns; ++column) {
      signs = signs << 1 | (brightness(row, column) < brightness(row, column + 1) ? 1 : 0);
    }
  }
  return signs;
}

PictureFacts look_at(const Dataset& dataset, const Sample& sample) {
  PictureFacts facts;
  try {
    const Bytes file = picture_bytes(dataset, sample);
    facts.info = media::probe(file);
    const image::Picture picture = media::decode(file, sample.image);
    facts.grey = is_grey(picture);
    facts.pixels = fmt::format("{}x{} {}", picture.size.width, picture.size.height,
                               storage::sha256(std::as_bytes(std::span(picture.rgb))));
    facts.outline = outline_of(picture);
  } catch (const Error& e) {
    facts.error = e.message();
  }
  return facts;
}

}  // namespace

std::vector<PictureFacts> picture_facts(const Dataset& dataset, int threads, Progress& progress) {
  std::vector<PictureFacts> facts(dataset.samples.size());
  progress.begin("opening images", facts.size(), "images");
  read_ahead(dataset);
  std::mutex mutex;
  ThreadPool pool((threads > 0 ? threads : available_processors()) - 1);
  pool.parallel_for(facts.size(), [&](std::size_t i) {
    facts[i] = look_at(dataset, dataset.samples[i]);
    const std::lock_guard lock(mutex);
    progress.advance();
  });
  progress.end();
  return facts;
}

std::vector<std::vector<std::size_t>> same_pictures(const std::vector<PictureFacts>& facts,
                                                    bool alike) {
  std::map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const PictureFacts& fact = facts[i];
    if (!fact.error.empty()) continue;
    const bool by_outline = alike && fact.outline != 0 && fact.outline != ~std::uint64_t{0};
    groups[by_outline ? fmt::format("outline {:x}", fact.outline) : fact.pixels].push_back(i);
  }
  std::vector<std::vector<std::size_t>> result;
  for (auto& [key, members] : groups) {
    if (members.size() > 1) result.push_back(std::move(members));
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace oko::dataset
