#include "oko/convert/program.h"

#include <algorithm>

#include "oko/base/error.h"

namespace oko::convert {
namespace {

const Program* program_for(const formats::Format& format) {
  for (const Program* program : programs()) {
    if (format.name == std::string_view(program->format)) return program;
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Executor> independent_executor(const formats::Format& format,
                                               std::span<const formats::File> files,
                                               const graph::Network& network, std::string& note,
                                               std::span<const std::string> keys) {
  if (const Program* program = program_for(format)) {
    return program->executor(files, network, keys, note);
  }
  if (format.cannot_run != nullptr) {
    note = format.cannot_run;
  } else if (!format.is_own) {
    note = files.front().name + " is read and run by oko's engine";
  }
  return nullptr;
}

BoxProgram independent_boxes(const formats::Format& format, std::span<const formats::File> files,
                             std::string& note) {
  const Program* program = program_for(format);
  if (program != nullptr && program->boxes != nullptr) return program->boxes(files, note);
  note =
      std::string("no program on this machine runs ") + format.name + " models that output boxes";
  return {};
}

std::unique_ptr<Executor> tried(const std::function<std::unique_ptr<Executor>()>& make,
                                const graph::Network& network, bool is_foreign, std::string& note) {
  try {
    auto executor = make();
    if (executor && is_foreign) {
      executor->run(std::vector<float>(static_cast<std::size_t>(network.input.count()), .5F));
    }
    return executor;
  } catch (const Error& error) {
    if (!is_foreign && error.code() != ErrorCode::kFailed) throw;
    note = error.place() + " " + error.message();
    note.erase(std::min(note.find('\n'), note.size()));
    return nullptr;
  }
}

}  // namespace oko::convert
