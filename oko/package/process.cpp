#include "oko/package/process.h"

#include <map>
#include <string_view>
#include <utility>

#include "oko/base/command.h"
#include "oko/base/error.h"

namespace oko::package {
namespace {

std::map<std::string, std::string> variables(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> all;
  for (const std::string& text : texts) {
    const std::size_t equal = text.find('=');
    all[text.substr(0, equal)] = text.substr(equal + 1);
  }
  return all;
}

}  // namespace

ProcessResult run_process(const ProcessRequest& request) {
  const auto refuse = [&](const char* what) {
    throw Error(ErrorCode::kFailed, request.words.front(), what);
  };
  ProcessResult result;
  Command command;
  command.words = request.words;
  command.environment = variables(request.environment);
  command.most_seconds = static_cast<double>(request.timeout.count());
  command.input = [left = std::string_view(request.input)]() mutable {
    return std::exchange(left, std::string_view());
  };
  command.output = [&](std::string_view piece) {
    result.output += piece;
    if (result.output.size() > request.most_output) refuse("prints too much");
  };
  const CommandResult ended = run_command(command);
  if (ended.missing) refuse("cannot be started: there is no such program");
  if (ended.stalled) refuse("did not end in time");
  result.exit_code = ended.code;
  return result;
}

}  // namespace oko::package
