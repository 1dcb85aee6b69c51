#include "oko/formats/tensor_order.h"

#include <cassert>
#include <cstring>

namespace oko::formats {

graph::Tensor permuted(const graph::Tensor& tensor, std::span<const int> order) {
  const std::size_t rank = tensor.shape.size(), bytes = size_of(tensor.dtype);
  assert(order.size() == rank);
  std::vector<std::int64_t> steps(rank, 1);  // of the source, in elements
  for (std::size_t i = rank; i-- > 1;) steps[i - 1] = steps[i] * tensor.shape[i];
  graph::Tensor result{tensor.dtype, {}, {}};
  std::vector<std::int64_t> step(rank), at(rank, 0);
  for (std::size_t i = 0; i < rank; ++i) {
    result.shape.push_back(tensor.shape[order[i]]);
    step[i] = steps[order[i]];
  }
  std::vector<std::byte> out(tensor.data.size());
  std::int64_t from = 0;
  for (std::size_t to = 0; to < out.size(); to += bytes) {
    std::memcpy(out.data() + to, tensor.data.data() + static_cast<std::size_t>(from) * bytes,
                bytes);
    for (std::size_t i = rank; i-- > 0;) {  // the next index, last dimension fastest
      from += step[i];
      if (++at[i] < result.shape[i]) break;
      from -= step[i] * at[i];
      at[i] = 0;
    }
  }
  result.data = Bytes(std::move(out));
  return result;
}

graph::Tensor permuted(const graph::Tensor& tensor, std::initializer_list<int> order) {
  return permuted(tensor, std::span<const int>(order.begin(), order.size()));
}

}  // namespace oko::formats
