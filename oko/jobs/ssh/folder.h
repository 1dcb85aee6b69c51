#pragma once

#include <memory>
#include <string>
#include <vector>

#include "oko/jobs/folder.h"
#include "oko/jobs/ssh/connection.h"

namespace oko::jobs::ssh {

// A job's folder on the disks of its hosts, each of which has its own. Files are read from worker
// 0's host, but logs from the host of their worker; they are written to all of them.
// `hosts`: one per worker, several may be the same. `path`: as in checked_remote_path().
std::unique_ptr<Folder> open_remote_folder(const std::vector<Host>& hosts,
                                           const std::string& identity, const std::string& path);

}  // namespace oko::jobs::ssh
