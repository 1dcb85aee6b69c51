#include "oko/storage/transfer/copier.h"

namespace oko::storage {
namespace {

constexpr std::size_t kErrorsKept = 20;
constexpr std::uint64_t kHopeless = 10;

}  // namespace

void Tally::report(TransferAction::Kind kind, const CopyJob& job) {
  const std::scoped_lock lock(mutex_);
  if (kind == TransferAction::Kind::kCopied) {
    ++summary_.copied;
    summary_.bytes += job.from.size;
  } else {
    ++summary_.unchanged;
  }
  if (options_.report) options_.report({kind, job.from.uri, job.to, job.from.size});
}

void Tally::failed(const CopyJob& job, const Error& error) {
  const std::scoped_lock lock(mutex_);
  ++summary_.failed;
  if (summary_.errors.size() < kErrorsKept) summary_.errors.push_back(error);
  if (options_.report) {
    options_.report({TransferAction::Kind::kFailed, job.from.uri, job.to, job.from.size});
  }
}

void Tally::removed(const std::vector<Uri>& uris) {
  const std::scoped_lock lock(mutex_);
  summary_.removed += uris.size();
  if (!options_.report) return;
  for (const Uri& uri : uris) {
    options_.report({TransferAction::Kind::kRemoved, "", uri.text(), 0});
  }
}

void Tally::kept_parts(std::uint64_t count) {
  const std::scoped_lock lock(mutex_);
  summary_.parts_kept += count;
}

TransferSummary Tally::summary() const {
  const std::scoped_lock lock(mutex_);
  return summary_;
}

std::optional<Error> Tally::hopeless() const {
  const std::scoped_lock lock(mutex_);
  if (summary_.copied + summary_.unchanged > 0 || summary_.failed < kHopeless) return std::nullopt;
  return summary_.errors.front();
}

}  // namespace oko::storage
