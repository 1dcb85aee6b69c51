#pragma once

#include <string>

namespace oko::storage {

// Relations between paths, however they are spelled (see identity.h). Nothing needs to exist.

// Whether both are the same file or folder.
bool same_place(const std::string& a, const std::string& b);

// Whether `inner` is inside the folder `outer`, at any depth. False if they are the same.
bool lies_in(const std::string& inner, const std::string& outer);

// A path as it reads from anywhere, without "." and ".." parts; URIs are returned as they are.
// Throws a storage Error if it is relative and the current folder has been removed.
std::string absolute(const std::string& path);

// What a recursive removal of `uri` would delete that is hardly ever intended: "the whole bucket",
// "the root directory", "your home directory", "the current directory"; also for a folder that
// contains one of these. "" for other places.
std::string precious_place(const std::string& uri);

// This user's cache for one purpose: $XDG_CACHE_HOME/oko/NAME, else ~/.cache/oko/NAME; "" where
// neither that nor HOME is set.
std::string cache_folder(const std::string& name);

}  // namespace oko::storage
