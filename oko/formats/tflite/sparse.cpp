#include "oko/formats/tflite/sparse.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace oko::formats::tflite {
namespace {

std::vector<std::int64_t> numbers_of(oko::tflite::Numbers type, const void* table) {
  std::vector<std::int64_t> numbers;
  const auto copy = [&](const auto* from) {
    if (from != nullptr && from->values() != nullptr) {
      numbers.assign(from->values()->begin(), from->values()->end());
    }
  };
  using oko::tflite::Numbers;
  if (type == Numbers::Ints) copy(static_cast<const oko::tflite::Ints*>(table));
  if (type == Numbers::Shorts) copy(static_cast<const oko::tflite::Shorts*>(table));
  if (type == Numbers::Bytes) copy(static_cast<const oko::tflite::Bytes*>(table));
  return numbers;
}

// Dimensions in the order in which values are stored: those of the tensor, counted in blocks where
// it has some, and after them those within a block.
class Expander {
 public:
  Expander(const std::vector<int>& shape, std::size_t size, std::span<const std::byte> stored)
      : shape_(shape), size_(size), stored_(stored) {}

  bool read(const oko::tflite::Sparsity& sparsity) {
    if (sparsity.order() == nullptr || sparsity.dimensions() == nullptr) return false;
    const std::size_t rank = shape_.size();
    const std::size_t blocks = sparsity.blocks() == nullptr ? 0 : sparsity.blocks()->size();
    if (blocks > rank || sparsity.order()->size() != rank + blocks ||
        sparsity.dimensions()->size() != rank + blocks) {
      return false;
    }
    within_.assign(rank, 1);
    std::vector<bool> seen(rank + blocks, false);
    for (unsigned i = 0; i < rank + blocks; ++i) {
      const oko::tflite::Dimension& from = *sparsity.dimensions()->Get(i);
      const int number = sparsity.order()->Get(i);
      if (number < 0 || static_cast<std::size_t>(number) >= seen.size() || seen[number])
        return false;
      seen[number] = true;
      Level& level = levels_.emplace_back();
      level.in_block = static_cast<std::size_t>(number) >= rank;
      level.side = static_cast<std::size_t>(number);
      if (level.in_block) {
        const int side = sparsity.blocks()->Get(static_cast<unsigned>(level.side - rank));
        if (side < 0 || static_cast<std::size_t>(side) >= rank) return false;
        level.side = static_cast<std::size_t>(side);
      }
      level.is_sparse = from.format() == oko::tflite::DimensionFormat::SPARSE;
      level.size = from.size();
      if (level.is_sparse) {
        level.segments = numbers_of(from.segments_type(), from.segments());
        level.indices = numbers_of(from.indices_type(), from.indices());
        // Rising, so that no value is visited twice.
        if (level.segments.empty() || level.segments.front() < 0 ||
            !std::ranges::is_sorted(level.segments) ||
            level.segments.back() > std::ssize(level.indices)) {
          return false;
        }
      } else if (level.size < 1) {
        return false;
      }
      if (level.in_block) within_[level.side] = level.size;
    }
    for (std::size_t i = 0; i < rank; ++i) {
      if (within_[i] < 1 || shape_[i] % within_[i] != 0) return false;
    }
    // A dense level has as many places as its side has blocks, or a block has values.
    return std::ranges::all_of(levels_, [&](const Level& level) {
      return level.is_sparse || level.size == extent(level);
    });
  }

  bool expand(std::vector<std::byte>& values) {
    values_ = &values;
    at_.assign(shape_.size(), 0);
    inner_.assign(shape_.size(), 0);
    return visit(0, 0);
  }

 private:
  struct Level {
    bool in_block = false, is_sparse = false;
    std::size_t side = 0;  // of the tensor
    std::int64_t size = 0;
    std::vector<std::int64_t> segments, indices;
  };

  std::int64_t extent(const Level& level) const {
    return level.in_block ? within_[level.side] : shape_[level.side] / within_[level.side];
  }

  bool visit(std::size_t depth, std::int64_t place) {
    if (depth == levels_.size()) return put(place);
    const Level& level = levels_[depth];
    std::int64_t& index = (level.in_block ? inner_ : at_)[level.side];
    if (!level.is_sparse) {
      for (index = 0; index < level.size; ++index) {
        if (!visit(depth + 1, place * level.size + index)) return false;
      }
      return true;
    }
    if (place + 1 >= std::ssize(level.segments)) return false;
    for (std::int64_t i = level.segments[place]; i < level.segments[place + 1]; ++i) {
      index = level.indices[i];
      if (index < 0 || index >= extent(level) || !visit(depth + 1, i)) return false;
    }
    return true;
  }

  bool put(std::int64_t place) {
    std::size_t to = 0;
    for (std::size_t i = 0; i < shape_.size(); ++i) {
      to = to * static_cast<std::size_t>(shape_[i]) +
           static_cast<std::size_t>(at_[i] * within_[i] + inner_[i]);
    }
    const std::size_t from = static_cast<std::size_t>(place) * size_;
    if (from + size_ > stored_.size()) return false;
    std::memcpy(values_->data() + to * size_, stored_.data() + from, size_);
    return true;
  }

  const std::vector<int>& shape_;
  std::size_t size_;
  std::span<const std::byte> stored_;
  std::vector<Level> levels_;
  std::vector<std::int64_t> within_;  // values of a block along every side of the tensor
  std::vector<std::int64_t> at_, inner_;
  std::vector<std::byte>* values_ = nullptr;
};

}  // namespace

std::optional<std::vector<std::byte>> dense_values(const oko::tflite::Sparsity& sparsity,
                                                   const std::vector<int>& shape, std::size_t size,
                                                   std::span<const std::byte> stored,
                                                   std::size_t most) {
  std::size_t bytes = size;
  for (const int side : shape) {
    if (side < 1 || bytes > most / static_cast<std::size_t>(side)) return {};
    bytes *= static_cast<std::size_t>(side);
  }
  Expander expander(shape, size, stored);
  if (!expander.read(sparsity)) return {};
  std::vector<std::byte> values(bytes);
  if (!expander.expand(values)) return {};
  return values;
}

}  // namespace oko::formats::tflite
