// What is left of a sealed model in memory after it is closed: nothing.
#include <gtest/gtest.h>

#if defined(__linux__)
#include <fcntl.h>
#include <oko/oko.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "oko/base/locked.h"
#include "oko/runtime/kernels.h"
#include "oko/runtime/model.h"
#include "oko/runtime/pack.h"
#include "oko/runtime/test_sealed.h"
#include "oko/runtime/tiling.h"
#include "oko/seal/bech32.h"

namespace oko::runtime {
namespace {

// 16 bytes, each inverted, so that what is searched for is not itself found.
using Piece = std::array<std::uint64_t, 2>;

Piece inverted(const std::byte* bytes) {
  Piece piece;
  std::memcpy(piece.data(), bytes, sizeof piece);
  for (std::uint64_t& word : piece) word = ~word;
  return piece;
}

// Pieces of what weights look like in memory, but for zeros and other constants.
void add_pieces(std::span<const std::byte> bytes, std::vector<Piece>& pieces) {
  for (std::size_t i = 0; i + sizeof(Piece) <= bytes.size(); i += sizeof(Piece)) {
    const Piece piece = inverted(bytes.data() + i);
    const std::set<std::uint32_t> words = {
        static_cast<std::uint32_t>(piece[0]), static_cast<std::uint32_t>(piece[0] >> 32),
        static_cast<std::uint32_t>(piece[1]), static_cast<std::uint32_t>(piece[1] >> 32)};
    if (words.size() == 4) pieces.push_back(piece);
  }
}

// Pieces of the points of kernels that are transformed when they are multiplied; how many kernels.
int add_late_points(const Model& model, std::vector<Piece>& pieces) {
  int late = 0;
  const SimdTarget target = model.plan().target;
  for (const Step& any : model.plan().steps) {
    const auto* step = std::get_if<ConvolutionStep>(&any.work);
    if (step == nullptr || step->algorithm != Algorithm::kWinograd) continue;
    const WinogradTiling tiling = winograd_tiling(*step, block_of(*step, target));
    if (!tiling.late) continue;
    ++late;
    const int depth = step->in.shape.channels, width = tiling.columns;
    for (int first = 0; first < step->convolution.filters; first += width) {
      const std::size_t offset =
          step->weights + static_cast<std::size_t>(first) * packed_column_bytes(*step, target);
      std::vector<float> points(static_cast<std::size_t>(kPoints * depth * width));
      kernels(target).winograd_kernels({reinterpret_cast<const float*>(model.weights() + offset),
                                        depth, width, points.data(),
                                        std::ptrdiff_t{depth} * width});
      add_pieces(std::as_bytes(std::span(points)), pieces);
    }
  }
  return late;
}

// How many of these are in memory that this process may write.
std::size_t count_in_memory(const std::set<Piece>& pieces) {
  std::ifstream maps("/proc/self/maps");
  const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  std::vector<std::byte> part(std::size_t{1} << 20);
  std::size_t found = 0;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t from = 0, to = 0;
    char readable = 0, writable = 0;
    std::sscanf(line.c_str(), "%lx-%lx %c%c", &from, &to, &readable, &writable);
    if (readable != 'r' || writable != 'w') continue;
    while (from < to) {
      const ssize_t count =
          pread(memory, part.data(), std::min(part.size(), to - from), static_cast<off_t>(from));
      if (count < static_cast<ssize_t>(sizeof(Piece))) break;
      for (std::size_t i = 0; i + sizeof(Piece) <= static_cast<std::size_t>(count); i += 4) {
        found += pieces.count(inverted(part.data() + i));
      }
      // The next part overlaps by a piece, unless this was the last.
      const auto step = static_cast<std::size_t>(count);
      from += from + step < to ? step - sizeof(Piece) : step;
    }
  }
  close(memory);
  wipe(part);  // or the next search finds what this one read
  return found;
}

// Nothing of the model may stay, in any of the ways in which weights are stored and packed.
class SealedModelsInMemory
    : public SealedModels,
      public testing::WithParamInterface<std::tuple<graph::Precision, bool>> {
 protected:
  struct Made {
    std::vector<std::byte> file;
    std::set<Piece> pieces;
  };

  // The secret key itself, and what it unwraps.
  void add_keys(const std::vector<std::byte>& file, std::vector<Piece>& pieces) const {
    add_pieces(seal::read_bech32(secret_)->data, pieces);
    const seal::SealedModel parts = seal::read_sealed(seal::Source(file), "file");
    const seal::AgeHeader header = seal::read_age_header(parts.payload, "file");
    add_pieces(identity_->unwrap(header.stanzas.front())->span(), pieces);
  }

  // In another process: this one never has the weights but as the library opens them.
  Made made(graph::Precision storage, bool dilated) const {
    const std::string path = testing::TempDir() + "sealed_in_memory";
    const pid_t child = fork();
    if (child == 0) {
      const graph::Network plain = network(dilated);
      const auto file = sealed(plain, storage);
      const auto stored = graph::write_oko(plain, {}, storage);
      const graph::Network opened = graph::read_oko(Bytes(stored), "stored").network;
      std::vector<Piece> pieces;
      const graph::Safetensors tensors = graph::read_safetensors(Bytes(stored), "stored");
      for (const auto& [name, tensor] : tensors.tensors) add_pieces(tensor.data.span(), pieces);
      for (const auto& [name, tensor] : opened.weights) add_pieces(tensor.data.span(), pieces);
      add_keys(file, pieces);
      const auto model = Model::make(opened, {});
      add_pieces({model->weights(), model->plan().weight_bytes}, pieces);
      const bool late = add_late_points(*model, pieces) > 0;
      if (late == dilated) _exit(2);
      std::ofstream out(path, std::ios::binary);
      const std::uint64_t sizes[] = {file.size(), pieces.size()};
      out.write(reinterpret_cast<const char*>(sizes), sizeof sizes);
      out.write(reinterpret_cast<const char*>(file.data()),
                static_cast<std::streamsize>(file.size()));
      out.write(reinterpret_cast<const char*>(pieces.data()),
                static_cast<std::streamsize>(pieces.size() * sizeof(Piece)));
      out.close();
      _exit(out.good() ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    std::ifstream in(path, std::ios::binary);
    std::uint64_t sizes[2] = {};
    in.read(reinterpret_cast<char*>(sizes), sizeof sizes);
    Made made;
    made.file.resize(sizes[0]);
    in.read(reinterpret_cast<char*>(made.file.data()), static_cast<std::streamsize>(sizes[0]));
    std::vector<Piece> pieces(sizes[1]);
    in.read(reinterpret_cast<char*>(pieces.data()),
            static_cast<std::streamsize>(sizes[1] * sizeof(Piece)));
    made.pieces.insert(pieces.begin(), pieces.end());
    std::remove(path.c_str());
    return made;
  }
};

TEST_P(SealedModelsInMemory, LeaveNothingBehind) {
  const auto [storage, dilated] = GetParam();
  const Made given = made(storage, dilated);
  identity_.reset();
  ASSERT_GT(given.pieces.size(), 1000U);
  ASSERT_EQ(count_in_memory(given.pieces), 0U);
  oko_model* model = nullptr;
  ASSERT_EQ(open(given.file, &model), OKO_OK) << oko_last_error();
  oko_detector* detector = nullptr;
  ASSERT_EQ(oko_detector_create(model, nullptr, &detector), OKO_OK);
  const std::vector<float> input(3 * 64 * 64, .5F);
  ASSERT_EQ(oko_run(detector, input.data(), input.size()), OKO_OK);
  EXPECT_GT(count_in_memory(given.pieces), 100U);  // they are seen while the model is open
  oko_detector_destroy(detector);
  oko_model_close(model);
  EXPECT_EQ(count_in_memory(given.pieces), 0U);
}

INSTANTIATE_TEST_SUITE_P(All, SealedModelsInMemory,
                         testing::Combine(testing::Values(graph::Precision::kFloat32,
                                                          graph::Precision::kFloat16,
                                                          graph::Precision::kInt8),
                                          testing::Bool()));

}  // namespace
}  // namespace oko::runtime
#endif
