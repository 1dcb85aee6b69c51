#pragma once

#include <oko/oko.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/base/error.h"
#include "oko/detect/detector.h"
#include "oko/graph/about.h"
#include "oko/image/frame.h"
#include "oko/runtime/engine.h"
#include "oko/runtime/model.h"

// What the files of the C API share: handles, errors as codes, structs of older callers.

struct oko_model {
  std::shared_ptr<const oko::runtime::Model> model;
  std::vector<std::string> class_names;
  bool cache_hit = false;
  bool describe_only = false;
  oko::graph::About about{};
  std::string hash{}, checksum{};  // as the file states them
};

namespace oko::c_api {

// Structs as large as a caller's are: fields that it does not have are cut off, those that this
// library does not have are zero.
class List {
 public:
  // Holds `convert(item)` of each item of `from`, as structs of `size` bytes, and gives them.
  template <typename From, typename Convert, typename T>
  void give(const From& from, const Convert& convert, std::size_t size, const T** items,
            std::size_t* count) {
    bytes_.assign(from.size() * size, std::byte{});
    std::byte* to = bytes_.data();
    for (const auto& item : from) {
      const T converted = convert(item);
      std::memcpy(to, &converted, std::min(size, sizeof converted));
      to += size;
    }
    *items = reinterpret_cast<const T*>(bytes_.data());
    *count = from.size();
  }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace oko::c_api

struct oko_detector {
  oko_detector(const oko_model& from, int threads, oko::runtime::Priority priority, int tiles_)
      : detector(from.model->network(), oko::runtime::make_engine(from.model, threads, priority),
                 from.model->plan().target),
        tiles(tiles_),
        own_scores(from.about.thresholds) {}

  oko::detect::Detector detector;
  int tiles;
  std::vector<float> own_scores;  // the model's thresholds, one per class; empty: none
  oko::c_api::List found;
};

namespace oko::c_api {

// Keeps the text for oko_last_error(). Nothing may be thrown across the C boundary, even while
// building error texts.
oko_status fail(oko_status status, const char* what) noexcept;
// Of the exception that is being handled.
oko_status fail_with_current() noexcept;

template <typename Body>
oko_status guarded(const Body& body) noexcept {
  try {
    body();
    return OKO_OK;
  } catch (...) {
    return fail_with_current();
  }
}

inline Error usage(const char* place, std::string message, std::string hint = {}) {
  return {ErrorCode::kUsage, place, std::move(message), std::move(hint)};
}

inline void require(const void* pointer, const char* place, const char* name) {
  if (pointer == nullptr) throw usage(place, std::string(name) + " is null");
}

// A caller's struct in this library's layout: fields missing in an older caller's are zero.
template <typename T>
T known(const T* given, const char* place) {
  T all{};
  if (given == nullptr) return all;
  if (given->struct_size < sizeof(given->struct_size)) {
    throw usage(place, "struct_size is not set", "set it to sizeof the struct");
  }
  // A struct of any version ends where a pointer may start.
  if (given->struct_size % alignof(T) != 0) {
    throw usage(place,
                "struct_size " + std::to_string(given->struct_size) + " is not that of the struct",
                "set it to sizeof the struct");
  }
  std::memcpy(&all, given, std::min(given->struct_size, sizeof(T)));
  return all;
}

// Fills as much of the caller's struct as exists there.
template <typename T>
void give(T all, T* to, const char* place) {
  require(to, place, "the struct to fill");
  if (to->struct_size < sizeof(to->struct_size)) {
    throw usage(place, "struct_size is not set", "set it to sizeof the struct");
  }
  all.struct_size = to->struct_size;
  std::memcpy(to, &all, std::min(to->struct_size, sizeof(T)));
}

int threads_of(std::int32_t threads, const char* place);
runtime::Priority priority_of(std::int32_t priority, const char* place);
image::Frame frame_of(const oko_frame& frame);
// Throws a usage Error for a model that was opened to be described only.
void require_runnable(const oko_model& model, const char* place);
// `class_count` of the model, or -1 where none is known; `own`: its own thresholds.
detect::Thresholds thresholds_of(const oko_thresholds& thresholds, int class_count,
                                 const std::vector<float>& own);
oko_detection detection_of(const detect::Detection& detection);

// oko_detection as version 0.1 had it.
constexpr std::size_t kFirstDetectionSize = 24;
static_assert(sizeof(oko_detection) >= kFirstDetectionSize);

// Of the structs that a caller gets in arrays: `first` is the smallest that one of any version has.
template <typename T>
void check_size(std::size_t size, std::size_t first, const char* place, const char* name) {
  constexpr std::size_t kLargest = 4096;  // what no later version will reach
  static_assert(sizeof(T) < kLargest);
  if (size >= first && size <= kLargest && size % alignof(T) == 0) return;
  throw usage(place,
              std::string(name) + "_size " + std::to_string(size) + " is not that of the struct",
              std::string("pass sizeof(oko_") + name + ")");
}

// Gives a list, which belongs to a handle, where the caller wants it. `name` is that of one item's
// struct without "oko_"; `first` as above.
template <typename From, typename Convert, typename T>
void give_list(const From& from, const Convert& convert, List& list, const T** items,
               std::size_t* count, std::size_t size, std::size_t first, const char* place,
               const char* name) {
  require(items, place, (std::string(name) + "s").c_str());
  require(count, place, "count");
  check_size<T>(size, first, place, name);
  list.give(from, convert, size, items, count);
}

// Where a model's bytes are: the caller's memory, a file that map_file() mapped, or what was
// sealed.
enum class Origin { kMemory, kMapped, kSealed };

// Opens the bytes of an .oko file. What is sealed is packed in locked memory, and `bytes`, which
// must be writable and nobody else's, are overwritten.
std::unique_ptr<oko_model> open_model(const Bytes& bytes, const std::string& name,
                                      const oko_model_options* given, const char* place,
                                      Origin origin);

}  // namespace oko::c_api
