#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "oko/base/json.h"
#include "tests/storage/wire.h"

// What a Cloud Storage project holds, with the rules of the JSON API for changing it.
namespace oko::testing::gcs {

// A refusal as the API words it: HTTP status, reason, message.
struct Refusal {
  int status;
  std::string reason, message;
};

struct Object {
  std::string bucket, name;
  std::shared_ptr<const std::string> content;
  std::int64_t generation = 0, metageneration = 1;
  std::string crc32c, md5;         // base64; a composite object has no MD5
  int components = 0;              // of a composite object
  Json settings = Json::object();  // contentType, metadata, cacheControl, storageClass, …
  std::string created, updated;

  Json resource(const std::string& root) const;
};

struct Bucket {
  std::string name, location, storage_class, created;
  bool uniform_access = false;
  Json labels = Json::object();
  std::map<std::string, Object> objects;

  Json resource(const std::string& root) const;
};

// A resumable upload: what has come so far and what the first request said.
struct Session {
  std::string bucket, name, content;
  Json settings = Json::object();
  std::optional<std::uint64_t> announced;
  Target conditions{""};
  std::optional<Object> finished;
};

// Everything the server holds. Whoever touches it locks `mutex`.
struct State {
  std::mutex mutex;
  std::map<std::string, Bucket> buckets;
  std::map<std::string, std::shared_ptr<Session>> sessions;
  std::map<std::string, std::string> rewrites;  // token → what it belongs to and how far it came
  std::int64_t generation = 1700000000000000;
  std::uint64_t sessions_made = 0;

  Bucket& bucket(const std::string& name);
  Object& object(const std::string& bucket, const std::string& name);
  Bucket& insert_bucket(const Json& settings);
  // Checks preconditions and the checksums that came with it, then replaces the object.
  const Object& put(const std::string& bucket, const std::string& name, const Json& settings,
                    std::shared_ptr<const std::string> content, const Target& conditions,
                    int components = 0);
};

// ifGenerationMatch and its kin against what is there now; `prefix` is "Source" for the other end
// of a copy. Throws 412, or 304 for a GET.
void check_conditions(const Target& target, const Object* now, bool reading,
                      const std::string& prefix = "");
// "generation" names an object version: only the live one is kept.
void check_generation(const Target& target, const Object& now,
                      const std::string& key = "generation");

// One page of a list of objects.
Json list(const Bucket& bucket, const Target& target, const std::string& root, std::size_t page);

}  // namespace oko::testing::gcs
