#include "oko/dataset/pack.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <span>

#include "oko/base/error.h"
#include "oko/base/file_name.h"
#include "oko/base/random.h"
#include "oko/dataset/image_sizes.h"
#include "oko/dataset/picture_name.h"
#include "oko/dataset/text.h"
#include "oko/dataset/tree.h"
#include "oko/dataset/unicode.h"
#include "oko/media/picture.h"
#include "oko/storage/checksum.h"
#include "oko/storage/store.h"
#include "oko/storage/tar.h"

namespace oko::dataset {
namespace {

constexpr std::uint64_t kTarEnd = 1024;
constexpr std::size_t kLongestKey = 200;  // with an extension, a valid file name on every disk

// A file name component valid on any system. No dots: WebDataset ends a key at the first one.
std::string safe_name(std::string_view text) {
  constexpr std::string_view kUnsafe = "/\\.:*?\"<>|\x7F";
  std::string name(text.substr(0, kLongestKey));
  // Not in the middle of a character: bytes 10xxxxxx continue one.
  if (text.size() > kLongestKey && (text[kLongestKey] & 0xC0) == 0x80) {
    while (!name.empty() && (name.back() & 0xC0) == 0x80) name.pop_back();
    if (!name.empty()) name.pop_back();
  }
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < ' ' || kUnsafe.find(c) != kUnsafe.npos) c = '_';
  }
  return name.empty() ? "_" : name;
}

// Names that differ on case-insensitive disks too.
class UniqueNames {
 public:
  std::string next(std::string_view text) {
    const std::string base = safe_name(text);
    std::string name = base;
    for (int n = 2; !taken_.insert(folded(name)).second; ++n) name = fmt::format("{}_{}", base, n);
    return name;
  }

 private:
  std::set<std::string> taken_;
};

void expect_utf8(const std::string& text, const std::string& place) {
  try {
    static_cast<void>(Json(text).dump());
  } catch (const Json::exception&) {
    throw input_error(place, "a name in it is not UTF-8", "rename it");
  }
}

// What the index cannot represent.
void expect_sayable(const Dataset& dataset) {
  std::set<std::string_view> classes;
  for (const std::string& name : dataset.classes) {
    expect_utf8(name, dataset.uri);
    if (!classes.insert(name).second) {
      throw input_error(dataset.uri, "class \"" + name + "\" is listed twice");
    }
  }
  for (const Sample& sample : dataset.samples) {
    expect_utf8(sample.id, sample.image);
    expect_utf8(sample.split, sample.image);
    if (!sample.split.empty()) checked_file_name(sample.split, sample.image, "the split");
  }
}

class Packer {
 public:
  Packer(const Dataset& dataset, const std::string& folder, NewDataset& out,
         const PackOptions& options, const PictureFiles& pictures)
      : dataset_(dataset),
        folder_(folder),
        out_(out),
        options_(options),
        pictures_(pictures),
        places_(dataset.samples.size()),
        sizes_(dataset.samples.size()) {
    UniqueNames names;
    for (const Sample& sample : dataset_.samples) keys_.push_back(names.next(sample.id));
  }

  std::vector<Shard> run(Progress& progress) {
    progress.begin("packing", dataset_.samples.size(), "images");
    pack_splits(progress);
    write_index();
    progress.end();
    return shards_;
  }

 private:
  using Order = std::vector<std::size_t>;

  void pack_splits(Progress& progress) {
    const std::vector<std::string> splits = split_names(dataset_);
    std::vector<Order> orders;
    Order all;
    for (std::size_t i = 0; i < splits.size(); ++i) {
      orders.push_back(order_of(splits[i], i));
      all.insert(all.end(), orders.back().begin(), orders.back().end());
    }
    read_ahead(dataset_, all);
    UniqueNames names;
    for (std::size_t i = 0; i < splits.size(); ++i) {
      const bool only = splits.size() == 1;
      shard_name_ = names.next(!splits[i].empty() ? splits[i] : only ? "pictures" : "unsplit");
      shards_of_split_ = 0;
      for (const std::size_t sample : orders[i]) {
        if (options_.interrupted && options_.interrupted()) {
          throw Error(ErrorCode::kInterrupted, folder_, "interrupted");
        }
        add(sample);
        progress.advance();
      }
      close_shard();
    }
  }

  Order order_of(const std::string& split, std::size_t stream) const {
    Order order;
    for (std::size_t i = 0; i < dataset_.samples.size(); ++i) {
      if (dataset_.samples[i].split == split) order.push_back(i);
    }
    if (options_.seed != 0) Random(options_.seed, stream).shuffle(std::span(order));
    return order;
  }

  void add(std::size_t i) {
    const Sample& sample = dataset_.samples[i];
    const PictureFile picture = pictures_(sample);
    sizes_[i] = size_of(sample, picture);
    ShardPlace& place = places_[i];
    place.file = keys_[i] + extension_of_picture(sample, picture);
    place.bytes = picture.content.size();
    place.crc32c = storage::crc32c(picture.content.span());
    const std::string beside = keys_[i] + ".json", text = member_text(sample, sizes_[i]);
    const std::uint64_t more = storage::tar_member_size(place.file, place.bytes) +
                               storage::tar_member_size(beside, text.size());
    if (tar_ && tar_->size() + more + kTarEnd > options_.shard_bytes) close_shard();
    if (!tar_) open_shard();
    place.shard = shards_.size();
    place.offset = tar_->add(place.file, picture.content.span());
    tar_->add(beside, std::as_bytes(std::span(text)));
    ++pictures_of_shard_;
  }

  static image::Size size_of(const Sample& sample, const PictureFile& picture) {
    if (picture.content.empty()) {
      throw input_error(sample.image, "the image is empty", "remove it or get it again");
    }
    if (is_known(sample.size)) return sample.size;
    const image::Size size = media::probe(picture.content).upright_size();
    if (is_known(size)) return size;
    throw input_error(sample.image, "the image size cannot be read",
                      "oko data check lists every such image");
  }

  static std::string extension_of_picture(const Sample& sample, const PictureFile& picture) {
    std::string extension = lower(picture.extension);
    if (!is_picture_extension(extension)) {
      extension = extension_of(media::probe(picture.content).format);
    }
    if (extension.empty()) {
      throw input_error(sample.image, "is not an image format that oko reads", "remove it");
    }
    return extension;
  }

  std::string member_text(const Sample& sample, image::Size size) const {
    Json member{{"id", sample.id}, {"width", size.width}, {"height", size.height}};
    if (sample.depth > 0) member["depth"] = sample.depth;
    if (!sample.split.empty()) member["split"] = sample.split;
    member["objects"] = shard_objects(sample, &dataset_.classes);
    return member.dump() + "\n";
  }

  std::unique_ptr<storage::Upload> new_file(const std::string& name) const {
    return storage::upload(out_.path(name), storage::Precondition::absent());
  }

  void open_shard() {
    name_ = fmt::format("{}-{:06}.tar", shard_name_, shards_of_split_++);
    tar_.emplace(new_file(name_));
    pictures_of_shard_ = 0;
  }

  void close_shard() {
    if (!tar_) return;
    tar_->finish();
    out_.add(name_);
    shards_.push_back({name_, tar_->size(), tar_->crc32c(), pictures_of_shard_});
    tar_.reset();
  }

  void write_index() {
    constexpr std::size_t kAtOnce = 1 << 20;
    const auto file = new_file(kShardIndexName);
    std::string text = shard_head_text(shards_, dataset_.classes, places_.size());
    for (std::size_t i = 0; i < places_.size(); ++i) {
      Sample sample = dataset_.samples[i];
      sample.size = sizes_[i];
      text += shard_picture_text(sample, places_[i]);
      if (text.size() < kAtOnce && i + 1 < places_.size()) continue;
      file->write(std::as_bytes(std::span(text)));
      text.clear();
    }
    file->finish();
    out_.add(kShardIndexName);
  }

  const Dataset& dataset_;
  const std::string& folder_;
  NewDataset& out_;
  const PackOptions& options_;
  const PictureFiles& pictures_;
  std::vector<std::string> keys_;   // of each sample
  std::vector<ShardPlace> places_;  // of each sample
  std::vector<image::Size> sizes_;  // of each sample
  std::vector<Shard> shards_;       // written
  std::string shard_name_, name_;   // of the split's shards, of the current one
  int shards_of_split_ = 0;
  std::uint64_t pictures_of_shard_ = 0;
  std::optional<storage::TarWriter> tar_;
};

}  // namespace

std::vector<Shard> pack(const Dataset& dataset, const std::string& folder,
                        const PackOptions& options, Progress& progress) {
  return pack(dataset, folder, options, progress, stored_pictures(dataset));
}

std::vector<Shard> pack(const Dataset& dataset, const std::string& folder,
                        const PackOptions& options, Progress& progress,
                        const PictureFiles& pictures) {
  if (dataset.samples.empty()) {
    throw Error(ErrorCode::kUsage, dataset.uri, "there are no images to write");
  }
  NewDataset out(folder);
  expect_sayable(dataset);
  std::vector<Shard> shards;
  // Within fill(), so that after an error a half-written shard is given up before the others go.
  out.fill([&] { shards = Packer(dataset, folder, out, options, pictures).run(progress); });
  return shards;
}

}  // namespace oko::dataset
