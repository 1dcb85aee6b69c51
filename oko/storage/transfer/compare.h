#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "oko/storage/store.h"

namespace oko::storage {

// Whether two files of equal size have the same content, as far as the stores' checksums tell;
// files on disk are read. False also where it cannot be known.
bool same_content(const Entry& a, const Entry& b);

// "9b2cf535f27731c974343645a3985328-5": an ETag of S3 for what was written in 5 parts. 0: it is no
// such ETag.
int parts_in_etag(const Entry& entry);

// The part sizes of an S3 object written in that many parts: those that programs commonly use and
// that give so many parts, the likelier first, else whole numbers of MiB; none where nothing up to
// 32 MiB does.
std::vector<std::uint64_t> likely_part_sizes(std::uint64_t size, int parts);
// `usual` where it gives so many parts, else the likeliest.
std::optional<std::uint64_t> guess_part_size(std::uint64_t size, int parts, std::uint64_t usual);

// The MD5 in lower-case hexadecimal that the entry tells, also by an ETag that looks like one:
// equal means equal content, different need not mean different content. "" without.
std::string likely_md5(const Entry& entry);

}  // namespace oko::storage
