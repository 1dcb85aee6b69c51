#include "oko/jobs/ssh/place.h"

#include <fmt/format.h>

#include "oko/base/error.h"
#include "oko/jobs/ssh/host.h"
#include "oko/storage/store.h"

namespace oko::jobs::ssh {

std::string remote_folder(const Spec& spec) {
  return checked_remote_path(spec.setting("remote-folder", ".oko"), "--remote-folder");
}

std::string default_folder(const Spec& spec) {
  return fmt::format("{}/jobs/{}", remote_folder(spec), spec.id);
}

bool is_in_bucket(const Spec& spec) { return !storage::is_local(spec.folder); }

std::string folder_on_hosts(const Spec& spec) {
  return is_in_bucket(spec) ? default_folder(spec) : checked_remote_path(spec.folder, "--job-dir");
}

void check_folder(const Spec& spec) {
  if (is_in_bucket(spec) || folder_on_hosts(spec) == spec.folder) return;
  throw Error(ErrorCode::kUsage, "--job-dir", "begins with ~/ or ends with /",
              fmt::format("write {}, which is below the home folder there", folder_on_hosts(spec)));
}

}  // namespace oko::jobs::ssh
