#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "oko/cost/prices.h"

namespace oko::cost {

// Classes of Google Cloud Storage whose prices are known here.
enum class StorageClass { kStandard, kNearline, kColdline };
constexpr auto words_of(StorageClass) {
  return std::to_array<std::string_view>({"standard", "nearline", "coldline"});
}

// A dataset in a bucket.
struct StoredData {
  std::string cloud = "gcp";  // or "aws"
  std::string region;         // of the bucket; empty: that of the machine, if the cloud is the same
  StorageClass storage_class = StorageClass::kStandard;
  double gb = 0;
  double cache_gb = 20;  // disk cache of the machine that trains (docs/storage.md)
};

// Read by a run: everything once, and in each later epoch what the cache does not hold. Each of
// `machines` reads its share in every epoch, and needs every image at some time.
double read_gb(const StoredData& data, int epochs, int machines);

struct DataCost {
  double retrieval = 0;  // USD, for classes that charge for reading
  double egress = 0;     // USD, for data that leaves the cloud
  // It leaves its region or cloud at a price that is not known here.
  bool unknown_egress = false;
  double total() const { return retrieval + egress; }
};
DataCost data_cost(const StoredData& data, const Offer& offer, int epochs, int machines);

// If reading costs more than the class saves: a sentence with the figures. Otherwise nothing.
std::optional<std::string> class_warning(const StoredData& data, int epochs, int machines);

}  // namespace oko::cost
