#include "oko/dataset/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <compare>
#include <map>

#include "oko/dataset/paths.h"
#include "oko/dataset/unicode.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

std::string without_extension(const std::string& path) {
  return path.substr(0, path.size() - storage::extension(path).size());
}

// How well an image matches an entry's path; better ones compare greater.
struct Fit {
  bool first_choice = false;
  int exact = 0;           // 3: exact; 2: in another form of Unicode; 1: except for the extension
  std::size_t ending = 0;  // folders, counted from the file name, that are the same
  std::size_t beside = 0;  // folders, counted from the root, shared with the annotation file
  auto operator<=>(const Fit&) const = default;
};

const std::string& written_of(const SourcePicture& picture) {
  return picture.written.empty() ? picture.parsed.name : picture.written;
}

std::string path_beside(const SourcePicture& picture) {
  return plain_path(storage::join(storage::parent(picture.annotation), written_of(picture)));
}

Fit fit_of(const DiskNames& names, const SourcePicture& picture) {
  const std::string& image = picture.image;
  if (picture.second_choice) return {};  // possibly left from a renamed file
  const std::string path = normal_path(written_of(picture)),
                    beside = composed(path_beside(picture));
  const std::string& bytes = names.on_disk(image);
  if (bytes == plain_path(written_of(picture)) || bytes == path_beside(picture)) {
    return {true, 3, 0, 0};
  }
  if (image == path || image == beside) return {true, 2, 0, 0};
  const std::string stem = without_extension(image);
  if (stem == without_extension(path) || stem == without_extension(beside)) return {true, 1, 0, 0};
  return {true, 0, common_ending(image, path), shared_folders(image, picture.annotation)};
}

// Entries with the same key refer to one image, whichever it is.
std::string key_of(const SourcePicture& picture) {
  const std::string& written = written_of(picture);
  if (picture.second_choice) return picture.annotation + ": " + written;
  return is_foreign_path(written) ? plain_path(written) : path_beside(picture);
}

// Smaller ranks win: an image used for evaluation must not be trained on.
int split_rank(const std::string& split) {
  return split == "test" ? 0 : split == "val" ? 1 : split == "train" ? 2 : split.empty() ? 4 : 3;
}

bool same_object(const ParsedObject& a, const ParsedObject& b) {
  constexpr float kSamePixel = .05F;
  const auto near = [](float x, float y) { return std::abs(x - y) <= kSamePixel; };
  const image::Box &x = a.box, &y = b.box;
  return a.class_name == b.class_name && a.class_id == b.class_id && a.crowd == b.crowd &&
         near(x.left, y.left) && near(x.top, y.top) && near(x.right, y.right) &&
         near(x.bottom, y.bottom);
}

void take_split(SourcePicture& first, const SourcePicture& second, std::vector<Finding>& findings) {
  if (first.split == second.split) return;
  const bool keeps = split_rank(first.split) <= split_rank(second.split);
  const std::string kept = keeps ? first.split : second.split;
  if (!first.split.empty() && !second.split.empty()) {
    add_warning(findings, "two-splits", second.parsed.place,
                fmt::format("{} is in {} and in {}", first.image, first.split, second.split),
                fmt::format("it is kept in {} only", kept));
  }
  first.split = kept;
}

void merge_into(SourcePicture& first, SourcePicture& second, std::vector<Finding>& findings) {
  int repeated = 0, added = 0;
  std::vector<ParsedObject>& objects = first.parsed.objects;
  const std::size_t before = objects.size();
  for (ParsedObject& object : second.parsed.objects) {
    const auto end = objects.begin() + static_cast<std::ptrdiff_t>(before);
    if (std::any_of(objects.begin(), end,
                    [&](const ParsedObject& known) { return same_object(known, object); })) {
      ++repeated;
    } else {
      objects.push_back(std::move(object));
      ++added;
    }
  }
  add_warning(findings, "duplicate-entry", second.parsed.place,
              fmt::format("{} is listed again (first at {}): boxes added {}, repeated {}",
                          first.image, first.parsed.place, added, repeated),
              "the entries are merged")
      .boxes_repeated = repeated;
  take_split(first, second, findings);
  if (first.parsed.size.width <= 0) first.parsed.size = second.parsed.size;
}

// All entries of one image.
class Claims {
 public:
  Claims(const DiskNames& names, std::vector<SourcePicture>& pictures,
         std::vector<std::size_t> entries)
      : pictures_(pictures), entries_(std::move(entries)) {
    for (const std::size_t i : entries_) {
      Fit& fit = fits_[key_of(pictures_[i])];
      fit = std::max(fit, fit_of(names, pictures_[i]));
      best_ = std::max(best_, fit);
    }
  }

  // The entries that are not merged into another; the rest is reported.
  std::vector<std::size_t> settle(std::vector<Finding>& findings) {
    const auto at_best = std::count_if(fits_.begin(), fits_.end(),
                                       [&](const auto& fit) { return fit.second == best_; });
    const bool known = at_best == 1 || best_.exact >= 2;
    std::vector<std::size_t> kept;
    for (const std::size_t i : entries_) {
      const bool wins = known && fits_.at(key_of(pictures_[i])) == best_;
      if (!wins) {
        refuse(i, findings);
      } else if (kept.empty()) {
        kept.push_back(i);
      } else {
        merge_into(pictures_[kept.front()], pictures_[i], findings);
      }
    }
    return kept;
  }

 private:
  void refuse(std::size_t i, std::vector<Finding>& findings) const {
    const SourcePicture& picture = pictures_[i];
    const auto other = std::find_if(entries_.begin(), entries_.end(), [&](std::size_t j) {
      const std::string key = key_of(pictures_[j]);
      return key != key_of(picture) && fits_.at(key) == best_;
    });
    const SourcePicture& rival = pictures_[other == entries_.end() ? entries_.front() : *other];
    add_missing_image(findings, picture.parsed,
                      fmt::format("there is no image {}: {} is the one of {}", written_of(picture),
                                  picture.image, rival.parsed.place));
  }

  std::vector<SourcePicture>& pictures_;
  std::vector<std::size_t> entries_;
  std::map<std::string, Fit> fits_;  // by key
  Fit best_;
};

}  // namespace

void merge_entries(Source& source, const DiskNames& names) {
  std::map<std::string, std::vector<std::size_t>> claims;
  for (std::size_t i = 0; i < source.pictures.size(); ++i) {
    claims[source.pictures[i].image].push_back(i);
  }
  if (claims.size() == source.pictures.size()) return;
  std::vector<bool> kept(source.pictures.size());
  for (auto& [image, entries] : claims) {
    if (entries.size() > 1) {
      entries = Claims(names, source.pictures, entries).settle(source.findings);
    }
    for (const std::size_t i : entries) kept[i] = true;
  }
  std::vector<SourcePicture> pictures;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i]) pictures.push_back(std::move(source.pictures[i]));
  }
  source.pictures = std::move(pictures);
}

}  // namespace oko::dataset
