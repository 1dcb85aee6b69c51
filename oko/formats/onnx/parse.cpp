#include "oko/formats/onnx/parse.h"

#include <cstdlib>
#include <limits>
#include <new>

#include "oko/base/error.h"

namespace oko::formats {
namespace {

// The remaining memory budget of the arena for the file this thread parses.
thread_local std::size_t budget = 0;

void* allocate(std::size_t size) {
  if (size > budget) throw std::bad_alloc();
  budget -= size;
  return ::operator new(size);
}

void release(void* block, std::size_t) { ::operator delete(block); }

Error no_model(const std::string& name, std::string why) {
  return input_error(name, std::move(why), "use the .onnx file as its exporter wrote it");
}

bool parse(onnx::Model& model, const Bytes& file, const std::string& name) {
  budget = (std::size_t{16} << 20) + 8 * file.size();
  try {
    return model.ParsePartialFromArray(file.data(), static_cast<int>(file.size()));
  } catch (const std::bad_alloc&) {
    throw no_model(name, "has so many empty messages that it does not fit into memory");
  }
}

}  // namespace

ParsedOnnx parse_onnx(const Bytes& file, const std::string& name) {
  if (file.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw input_error(name, "is larger than 2 GiB, more than an ONNX file may be");
  }
  budget = 1 << 20;  // the first block
  google::protobuf::ArenaOptions options;
  options.block_alloc = allocate;
  options.block_dealloc = release;
  ParsedOnnx parsed{std::make_unique<google::protobuf::Arena>(options), nullptr};
  parsed.model = google::protobuf::Arena::CreateMessage<onnx::Model>(parsed.arena.get());
  if (!parse(*parsed.model, file, name)) {
    throw no_model(name, "is not an ONNX model or is damaged: its " + std::to_string(file.size()) +
                             " bytes are not a complete protobuf message");
  }
  if (!parsed.model->has_graph() || parsed.model->graph().node_size() == 0) {
    throw no_model(name, "contains no graph of ONNX nodes");
  }
  budget = std::numeric_limits<std::size_t>::max();
  return parsed;
}

}  // namespace oko::formats
