#include "oko/cli/failed_images.h"

#include <fmt/format.h>

#include "oko/cli/table.h"

namespace oko::cli {

void FailedImages::add(const std::string& image, const Error& error) {
  if (!noted_.insert(image).second) return;
  failures_.push_back({image, error});
  ++tried_;
}

void FailedImages::complain(const Context& context) {
  for (; printed_ < failures_.size(); ++printed_) context.complain(failures_[printed_].error);
}

void FailedImages::finish(std::size_t all, const std::string& noun, const std::string& rest,
                          Context& context) {
  if (failures_.empty()) return;
  complain(context);
  context.complain(Error(ErrorCode::kInput, "",
                         fmt::format("{} of {} could not be read{}", count(),
                                     counted(static_cast<std::int64_t>(all), noun), rest)));
  if (context.exit_code == 0) context.exit_code = static_cast<int>(failures_.front().error.code());
}

Json FailedImages::json() const {
  Json failed = Json::array();
  for (const Failure& failure : failures_) {
    failed.push_back({{"source", failure.image},
                      {"code", static_cast<int>(failure.error.code())},
                      {"message", failure.error.message()},
                      {"hint", failure.error.hint()}});
  }
  return failed;
}

}  // namespace oko::cli
