#include "oko/dataset/shard_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <unordered_set>

#include "oko/base/error.h"
#include "oko/base/file_name.h"
#include "oko/dataset/text.h"
#include "oko/dataset/tree.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

constexpr char kFormat[] = "oko-shards";
constexpr int kVersion = 1;
constexpr std::uint64_t kBlock = 512;

// A plain file name, without folders and not hidden.
bool is_plain_name(std::string_view name) {
  return fault_in_file_name(name).empty() && name.front() != '.';
}

class Parser {
 public:
  explicit Parser(const std::string& name) : name_(name) {}

  ShardIndex parse(std::string_view text) {
    const std::vector<std::string_view> lines = split_lines(text);
    if (lines.empty()) throw input_error(name_, "is empty", kShardHint);
    const std::uint64_t pictures = parse_head(next(lines[0]));
    if (pictures != lines.size() - 1) {
      throw input_error(
          name_,
          fmt::format("lists {} images, but its first line says {}", lines.size() - 1, pictures),
          kShardHint);
    }
    index_.places.reserve(lines.size() - 1);
    index_.content.pictures.reserve(lines.size() - 1);
    for (std::size_t i = 1; i < lines.size(); ++i) parse_picture(next(lines[i]));
    check_counts();
    return std::move(index_);
  }

 private:
  Json next(std::string_view line) {
    place_ = fmt::format("{}:{}", name_, ++line_);
    return parse_json(line, place_);
  }

  Error wrong(const std::string& what) const { return input_error(place_, what, kShardHint); }

  // Returns the declared number of images.
  std::uint64_t parse_head(const Json& head) {
    if (json_get<std::string>(head, "format", place_) != kFormat) {
      throw wrong(fmt::format("\"format\" is not \"{}\"", kFormat));
    }
    if (const int version = json_get<int>(head, "version", place_); version != kVersion) {
      throw input_error(place_, fmt::format("has version {}; this oko reads {}", version, kVersion),
                        "use the oko version that packed it, or a newer one");
    }
    const auto pixels = json_get_or<std::string>(head, "pixels", "", place_);
    if (!pixels.empty() && pixels != "upright") {
      throw wrong("\"pixels\" is \"" + pixels + "\", not \"upright\"");
    }
    index_.upright = !pixels.empty();
    parse_classes(json_get<Json>(head, "classes", place_));
    const Json shards = json_get<Json>(head, "shards", place_);
    if (!shards.is_array()) throw wrong("\"shards\" is not a list");
    for (const Json& shard : shards) parse_shard(shard);
    return json_get<std::uint64_t>(head, "pictures", place_);
  }

  void parse_classes(const Json& classes) {
    if (!classes.is_array()) throw wrong("\"classes\" is not a list");
    std::set<std::string_view> seen;
    for (const Json& name : classes) {
      if (!name.is_string()) throw wrong("a class name is not a string");
      const auto& text = name.get_ref<const std::string&>();
      if (!seen.insert(text).second) throw wrong("class \"" + text + "\" is listed twice");
      index_.content.classes.push_back(text);
    }
  }

  void parse_shard(const Json& entry) {
    Shard shard;
    shard.name = json_get<std::string>(entry, "name", place_);
    if (!is_plain_name(shard.name) || storage::extension(shard.name) != ".tar") {
      throw wrong("a shard must be a .tar file next to the index");
    }
    if (!files_.insert(shard.name).second) {
      throw wrong("shard " + shard.name + " is listed twice");
    }
    shard.bytes = json_get<std::uint64_t>(entry, "bytes", place_);
    shard.crc32c = checksum(entry);
    shard.pictures = json_get<std::uint64_t>(entry, "pictures", place_);
    index_.shards.push_back(std::move(shard));
  }

  void parse_picture(const Json& entry) {
    ParsedPicture picture;
    picture.place = place_;
    picture.name = json_get<std::string>(entry, "id", place_);
    if (picture.name.empty()) throw wrong("\"id\" is empty");
    if (!ids_.insert(picture.name).second) {
      throw wrong("image \"" + picture.name + "\" is listed twice");
    }
    index_.places.push_back(parse_place(entry));
    picture.split = json_get_or<std::string>(entry, "split", "", place_);
    if (!picture.split.empty()) checked_file_name(picture.split, place_, "the split");
    picture.size = {side(entry, "width"), side(entry, "height")};
    picture.depth = json_get_or<int>(entry, "depth", 0, place_);
    if (picture.depth < 0) throw wrong(fmt::format("\"depth\" is {}", picture.depth));
    const Json objects = json_get<Json>(entry, "objects", place_);
    if (!objects.is_array()) throw wrong("\"objects\" is not a list");
    for (const Json& object : objects) parse_object(object, picture);
    index_.content.pictures.push_back(std::move(picture));
  }

  std::uint32_t checksum(const Json& entry) const {
    const auto crc = json_get<std::uint64_t>(entry, "crc32c", place_);
    if (crc > std::numeric_limits<std::uint32_t>::max()) {
      throw wrong(fmt::format("\"crc32c\" is {}, more than 32 bits", crc));
    }
    return static_cast<std::uint32_t>(crc);
  }

  int side(const Json& entry, const char* key) const {
    const int length = json_get<int>(entry, key, place_);
    if (length < 1) throw wrong(fmt::format("\"{}\" is {}", key, length));
    return length;
  }

  ShardPlace parse_place(const Json& entry) {
    ShardPlace place;
    place.shard = json_get<std::size_t>(entry, "shard", place_);
    if (place.shard >= index_.shards.size()) {
      throw wrong(
          fmt::format("\"shard\" is {}, but there are {}", place.shard, index_.shards.size()));
    }
    const Shard& shard = index_.shards[place.shard];
    place.file = json_get<std::string>(entry, "file", place_);
    if (!is_plain_name(place.file) || !is_picture_extension(storage::extension(place.file))) {
      throw wrong("\"file\" must be an image name without folders");
    }
    if (!files_.insert(shard.name + "/" + place.file).second) {
      throw wrong(fmt::format("{} is listed twice in {}", place.file, shard.name));
    }
    place.offset = json_get<std::uint64_t>(entry, "offset", place_);
    place.bytes = json_get<std::uint64_t>(entry, "bytes", place_);
    place.crc32c = checksum(entry);
    if (place.bytes == 0) throw wrong("\"bytes\" is 0");
    if (place.offset < kBlock || place.offset % kBlock != 0) {
      throw wrong(fmt::format("\"offset\" is {}, where no file in a tar can start", place.offset));
    }
    if (place.offset > shard.bytes || place.bytes > shard.bytes - place.offset) {
      throw wrong(fmt::format("{} bytes at {} are not inside {} ({} bytes)", place.bytes,
                              place.offset, shard.name, shard.bytes));
    }
    return place;
  }

  void parse_object(const Json& entry, ParsedPicture& picture) {
    ParsedObject object;
    object.class_id = json_get<int>(entry, "class", place_);
    object.difficult = json_get_or<bool>(entry, "difficult", false, place_);
    object.crowd = json_get_or<bool>(entry, "crowd", false, place_);
    object.truncated = json_get_or<bool>(entry, "truncated", false, place_);
    object.place = place_;
    const Json edges = json_get<Json>(entry, "box", place_);
    if (!edges.is_array() || edges.size() != 4 ||
        !std::all_of(edges.begin(), edges.end(), [](const Json& e) { return e.is_number(); })) {
      throw wrong("\"box\" must be four numbers: left, top, right, bottom");
    }
    const auto edge = [&](std::size_t i) { return edges[i].get<double>(); };
    const auto box =
        usable_box({edge(0), edge(1), edge(2), edge(3)}, place_, index_.content.findings);
    if (!box) return;
    object.box = *box;
    picture.objects.push_back(std::move(object));
  }

  void check_counts() const {
    std::vector<std::uint64_t> counts(index_.shards.size());
    for (const ShardPlace& place : index_.places) ++counts[place.shard];
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const Shard& shard = index_.shards[i];
      if (counts[i] == shard.pictures) continue;
      throw input_error(name_,
                        fmt::format("lists {} images in {}, but its first line says {}", counts[i],
                                    shard.name, shard.pictures),
                        kShardHint);
    }
  }

  const std::string& name_;
  int line_ = 0;
  std::string place_;  // of the current line
  ShardIndex index_;
  std::unordered_set<std::string> ids_, files_;
};

}  // namespace

ShardIndex parse_shard_index(std::string_view text, const std::string& name) {
  return Parser(name).parse(text);
}

bool is_shard_index(std::string_view text) {
  return text.substr(0, 64).find(fmt::format("\"{}\"", kFormat)) != std::string_view::npos;
}

std::string shard_head_text(const std::vector<Shard>& shards,
                            const std::vector<std::string>& classes, std::size_t pictures) {
  Json list = Json::array();
  for (const Shard& shard : shards) {
    list.push_back({{"name", shard.name},
                    {"bytes", shard.bytes},
                    {"crc32c", shard.crc32c},
                    {"pictures", shard.pictures}});
  }
  const Json head{{"format", kFormat},    {"version", kVersion}, {"pixels", "upright"},
                  {"pictures", pictures}, {"classes", classes},  {"shards", std::move(list)}};
  return head.dump() + "\n";
}

Json shard_objects(const Sample& sample, const std::vector<std::string>* classes) {
  Json objects = Json::array();
  for (const Object& object : sample.objects) {
    const image::Box& b = object.box;
    Json one;
    if (classes) {
      one["class"] = classes->at(static_cast<std::size_t>(object.class_id));
    } else {
      one["class"] = object.class_id;
    }
    one["box"] = {shortest_decimal(b.left), shortest_decimal(b.top), shortest_decimal(b.right),
                  shortest_decimal(b.bottom)};
    if (object.difficult) one["difficult"] = true;
    if (object.crowd) one["crowd"] = true;
    if (object.truncated) one["truncated"] = true;
    objects.push_back(std::move(one));
  }
  return objects;
}

std::string shard_picture_text(const Sample& sample, const ShardPlace& place) {
  Json entry{{"id", sample.id},
             {"shard", place.shard},
             {"file", place.file},
             {"offset", place.offset},
             {"bytes", place.bytes},
             {"crc32c", place.crc32c},
             {"width", sample.size.width},
             {"height", sample.size.height}};
  if (sample.depth > 0) entry["depth"] = sample.depth;
  if (!sample.split.empty()) entry["split"] = sample.split;
  entry["objects"] = shard_objects(sample, nullptr);
  return entry.dump() + "\n";
}

}  // namespace oko::dataset
