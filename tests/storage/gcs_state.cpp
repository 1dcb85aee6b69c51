#include "tests/storage/gcs_state.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <set>

#include "tests/storage/checksums.h"

namespace oko::testing::gcs {
namespace {

constexpr std::array kClasses = {"STANDARD", "NEARLINE",       "COLDLINE",
                                 "ARCHIVE",  "MULTI_REGIONAL", "REGIONAL"};

std::string now_text() {
  const auto now = std::chrono::system_clock::now();
  const auto whole = std::chrono::system_clock::to_time_t(now);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  gmtime_r(&whole, &parts);
  char text[64], fraction[8];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>(ms));
  return std::string(text) + fraction;
}

std::string escaped(const std::string& name) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char c : name) {
    if (std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~') {
      out += static_cast<char>(c);
    } else {
      out += {'%', kHex[c >> 4], kHex[c & 15]};
    }
  }
  return out;
}

// Lower-case letters, digits, dashes, underscores, dots; 3 to 63; begins and ends with a letter or
// a digit; not like an IP address, no "goog".
bool is_bucket_name(const std::string& name) {
  const auto plain = [](unsigned char c) { return std::islower(c) || std::isdigit(c); };
  if (name.size() < 3 || name.size() > 63 || !plain(name.front()) || !plain(name.back()))
    return false;
  if (name.starts_with("goog") || name.find("google") != std::string::npos) return false;
  if (name.find_first_not_of("0123456789.") == std::string::npos) return false;
  return std::ranges::all_of(
      name, [&](unsigned char c) { return plain(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_object_name(const std::string& name) {
  return !name.empty() && name.size() <= 1024 && name != "." && name != ".." &&
         name.find_first_of("\r\n") == std::string::npos &&
         !name.starts_with(".well-known/acme-challenge/");
}

std::string text_of(const Json& object, const char* key, const std::string& fallback = "") {
  if (!object.contains(key) || object[key].is_null()) return fallback;
  if (!object[key].is_string()) {
    throw Refusal{400, "invalid", std::string("Invalid value for: ") + key};
  }
  return object[key];
}

void check_sent_hash(const Json& settings, const char* key, const std::string& name,
                     const std::string& real) {
  const std::string sent = text_of(settings, key);
  if (sent.empty() || sent == real) return;
  throw Refusal{400, "invalid",
                "Provided " + name + " \"" + sent + "\" doesn't match calculated " + name + " \"" +
                    real + "\"."};
}

std::int64_t wanted_number(const Target& target, const std::string& key) {
  try {
    std::size_t end = 0;
    const std::string text = target.get(key);
    const std::int64_t value = std::stoll(text, &end);
    if (end == text.size()) return value;
  } catch (const std::exception&) {
  }
  throw Refusal{400, "invalid", "Invalid long value: " + key};
}

}  // namespace

Json Object::resource(const std::string& root) const {
  Json json = settings;
  const std::string number = std::to_string(generation);
  const std::string path = "/b/" + bucket + "/o/" + escaped(name);
  json["kind"] = "storage#object";
  json["id"] = bucket + "/" + name + "/" + number;
  json["selfLink"] = root + "/storage/v1" + path;
  json["mediaLink"] = root + "/download/storage/v1" + path + "?generation=" + number + "&alt=media";
  json["name"] = name;
  json["bucket"] = bucket;
  json["generation"] = number;
  json["metageneration"] = std::to_string(metageneration);
  json["size"] = std::to_string(content->size());
  json["crc32c"] = crc32c;
  json["etag"] = base64(number + "/" + std::to_string(metageneration));
  json["timeCreated"] = created;
  json["updated"] = updated;
  json["timeStorageClassUpdated"] = created;
  json.erase("md5Hash");
  if (!md5.empty()) json["md5Hash"] = md5;
  if (components > 0) json["componentCount"] = components;
  return json;
}

Json Bucket::resource(const std::string& root) const {
  return {{"kind", "storage#bucket"},
          {"id", name},
          {"selfLink", root + "/storage/v1/b/" + name},
          {"projectNumber", "1"},
          {"name", name},
          {"timeCreated", created},
          {"updated", created},
          {"metageneration", "1"},
          {"etag", "CAE="},
          {"location", location},
          {"locationType", location.find('-') == std::string::npos ? "multi-region" : "region"},
          {"storageClass", storage_class},
          {"labels", labels},
          {"iamConfiguration",
           {{"uniformBucketLevelAccess", {{"enabled", uniform_access}}},
            {"publicAccessPrevention", "inherited"}}}};
}

Bucket& State::bucket(const std::string& name) {
  const auto found = buckets.find(name);
  if (found == buckets.end()) {
    throw Refusal{404, "notFound", "The specified bucket does not exist."};
  }
  return found->second;
}

Object& State::object(const std::string& bucket_name, const std::string& name) {
  auto& objects = bucket(bucket_name).objects;
  const auto found = objects.find(name);
  if (found == objects.end()) {
    throw Refusal{404, "notFound", "No such object: " + bucket_name + "/" + name};
  }
  return found->second;
}

Bucket& State::insert_bucket(const Json& settings) {
  Bucket made;
  made.name = text_of(settings, "name");
  if (!is_bucket_name(made.name)) {
    throw Refusal{400, "invalid", "Invalid bucket name: '" + made.name + "'"};
  }
  made.location = text_of(settings, "location", "US");
  for (char& c : made.location) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  made.storage_class = text_of(settings, "storageClass", "STANDARD");
  if (std::ranges::find(kClasses, made.storage_class) == kClasses.end()) {
    throw Refusal{400, "invalid", "Invalid argument: storage class " + made.storage_class};
  }
  if (settings.contains("iamConfiguration")) {
    const Json access =
        settings["iamConfiguration"].value("uniformBucketLevelAccess", Json::object());
    made.uniform_access = access.value("enabled", false);
  }
  made.labels = settings.value("labels", Json::object());
  if (buckets.contains(made.name)) {
    throw Refusal{
        409, "conflict",
        "Your previous request to create the named bucket succeeded and you already own it."};
  }
  made.created = now_text();
  return buckets[made.name] = std::move(made);
}

const Object& State::put(const std::string& bucket_name, const std::string& name,
                         const Json& settings, std::shared_ptr<const std::string> content,
                         const Target& conditions, int components) {
  Bucket& place = bucket(bucket_name);
  if (!is_object_name(name)) throw Refusal{400, "invalid", "Invalid object name"};
  const bool acl = conditions.has("predefinedAcl") || settings.contains("acl");
  if (acl && place.uniform_access) {
    throw Refusal{400, "invalid",
                  "Cannot insert legacy ACL for an object when uniform bucket-level access is "
                  "enabled."};
  }
  const auto found = place.objects.find(name);
  check_conditions(conditions, found == place.objects.end() ? nullptr : &found->second, false);
  Object made;
  made.crc32c = crc32c_text(*content);
  const std::string md5 = md5_text(*content);
  check_sent_hash(settings, "crc32c", "CRC32C", made.crc32c);
  check_sent_hash(settings, "md5Hash", "MD5 hash", md5);
  if (components == 0) made.md5 = md5;
  made.bucket = bucket_name;
  made.name = name;
  made.components = components;
  made.content = std::move(content);
  made.generation = ++generation;
  made.settings = settings;
  if (!made.settings.contains("storageClass")) made.settings["storageClass"] = place.storage_class;
  made.created = made.updated = now_text();
  return place.objects[name] = std::move(made);
}

void check_conditions(const Target& target, const Object* now, bool reading,
                      const std::string& prefix) {
  const auto check = [&](const std::string& key, std::int64_t have, bool equal) {
    if (!target.has(key)) return;
    const std::int64_t want = wanted_number(target, key);
    if ((want == have) == equal) return;
    if (reading && !equal) throw Refusal{304, "notModified", ""};
    throw Refusal{412, "conditionNotMet",
                  "At least one of the pre-conditions you specified did not hold."};
  };
  const std::int64_t generation = now == nullptr ? 0 : now->generation;
  check("if" + prefix + "GenerationMatch", generation, true);
  check("if" + prefix + "GenerationNotMatch", generation, false);
  const std::int64_t metageneration = now == nullptr ? 0 : now->metageneration;
  check("if" + prefix + "MetagenerationMatch", metageneration, true);
  check("if" + prefix + "MetagenerationNotMatch", metageneration, false);
}

void check_generation(const Target& target, const Object& now, const std::string& key) {
  if (!target.has(key) || wanted_number(target, key) == now.generation) return;
  throw Refusal{404, "notFound", "No such object: " + now.bucket + "/" + now.name};
}

Json list(const Bucket& bucket, const Target& target, const std::string& root, std::size_t page) {
  const std::string prefix = target.get("prefix"), delimiter = target.get("delimiter");
  if (target.has("maxResults")) {
    page = std::min(page, static_cast<std::size_t>(
                              std::max<std::int64_t>(1, wanted_number(target, "maxResults"))));
  }
  std::string after;
  if (target.has("pageToken")) {
    after = unbase64(target.get("pageToken"));
    if (after.empty()) throw Refusal{400, "invalid", "Invalid page token"};
  }
  Json items = Json::array();
  std::set<std::string> prefixes;
  std::string last;
  Json answer = {{"kind", "storage#objects"}};
  for (auto at = bucket.objects.lower_bound(prefix); at != bucket.objects.end(); ++at) {
    const auto& [name, object] = *at;
    if (!name.starts_with(prefix)) break;
    const auto cut = delimiter.empty() ? std::string::npos : name.find(delimiter, prefix.size());
    const std::string shown =
        cut == std::string::npos ? name : name.substr(0, cut + delimiter.size());
    if (shown <= after && !after.empty()) continue;
    if (target.has("startOffset") && name < target.get("startOffset")) continue;
    if (target.has("endOffset") && name >= target.get("endOffset")) break;
    if (prefixes.contains(shown)) continue;
    if (items.size() + prefixes.size() == page) {
      answer["nextPageToken"] = base64(last);
      break;
    }
    if (cut == std::string::npos) {
      items.push_back(object.resource(root));
    } else {
      prefixes.insert(shown);
    }
    last = shown;
  }
  if (!prefixes.empty()) answer["prefixes"] = prefixes;
  if (!items.empty()) answer["items"] = std::move(items);
  return answer;
}

}  // namespace oko::testing::gcs
