#pragma once

#include <span>
#include <string>

#include "oko/base/progress.h"
#include "oko/jobs/ssh/connection.h"

namespace oko::jobs::ssh {

// Makes sure that every host has the program that trains, and returns its path there: `program` if
// one is named, else this oko with its libraries (oko/package/bundle.h), which is copied to
// `remote_folder` unless it is there from an earlier job. Throws an Error at a host where it does
// not start.
std::string install_program(std::span<const Connection> hosts, const std::string& program,
                            const std::string& remote_folder, Progress& progress);
// The path that install_program() returns. Nothing is sent.
std::string program_on_hosts(const std::string& program, const std::string& remote_folder);
// Throws an Error at the host if the program does not start there.
void check_program(const Connection& host, const std::string& program);

}  // namespace oko::jobs::ssh
