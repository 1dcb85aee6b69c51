#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "oko/storage/store.h"

namespace oko::storage {

// Whether two files of equal size have the same content by the stores' checksums; local files are
// read. Also false if it cannot be determined.
bool same_content(const Entry& a, const Entry& b);

// "9b2cf535f27731c974343645a3985328-5": an S3 ETag of an object written in 5 parts. 0: not such an
// ETag.
int parts_in_etag(const Entry& entry);

// Possible part sizes of an S3 object written in that many parts: matching sizes that programs
// commonly use, the likelier first, else whole MiB; none if nothing up to 32 MiB matches.
std::vector<std::uint64_t> likely_part_sizes(std::uint64_t size, int parts);
// `usual` if it gives this many parts, else the most likely one.
std::optional<std::uint64_t> guess_part_size(std::uint64_t size, int parts, std::uint64_t usual);

// The entry's MD5 in lower-case hexadecimal, or an ETag that looks like one: equal means equal
// content, different need not mean different content. "" without.
std::string likely_md5(const Entry& entry);

}  // namespace oko::storage
