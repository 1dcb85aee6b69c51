#include "oko/train/rendezvous.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/train/workers.h"

namespace oko::train {
namespace {

constexpr std::chrono::milliseconds kMoment{50};
constexpr const char* kBegin = "begin";

std::string member_key(int rank) { return "member/" + std::to_string(rank); }

// Different for every process and start.
std::string token() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

std::vector<int> missing_from(const std::vector<int>& ranks, int size) {
  std::vector<int> missing;
  for (int rank = 0; rank < size; ++rank) {
    if (std::find(ranks.begin(), ranks.end(), rank) == ranks.end()) missing.push_back(rank);
  }
  return missing;
}

// Those that have registered, and worker 0.
std::vector<int> registered(KeyStore& store, int size) {
  std::vector<int> ranks{0};
  for (int rank = 1; rank < size; ++rank) {
    if (store.has(member_key(rank))) ranks.push_back(rank);
  }
  return ranks;
}

Error too_few(const std::vector<int>& ranks, const Launch& launch) {
  return {ErrorCode::kWorkerLost, fmt::format("{}:{}", launch.address, launch.port),
          fmt::format("{} of {} did not come; at least {} are needed",
                      names_of(missing_from(ranks, launch.size)), launch.size, launch.least),
          "see why they did not start, and that they reach this address; or wait longer with "
          "--join-seconds"};
}

}  // namespace

std::string names_of(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "worker " : "workers ";
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  return text;
}

void wait_a_moment(const Waiting& waiting) {
  if (waiting.stop()) {
    throw Error(ErrorCode::kInterrupted, "oko train", "stopped while waiting for other workers");
  }
  std::this_thread::sleep_for(kMoment);
}

Round open_round(KeyStore& store, const Launch& launch, const Waiting& waiting) {
  Round round;
  round.id = token();
  round.ranks = registered(store, launch.size);
  while (std::ssize(round.ranks) < launch.size && Clock::now() < waiting.until) {
    wait_a_moment(waiting);
    round.ranks = registered(store, launch.size);
  }
  round.size = static_cast<int>(round.ranks.size());
  if (round.size < launch.least) throw too_few(round.ranks, launch);
  Json tokens = Json::array({""});
  for (int i = 1; i < round.size; ++i) tokens.push_back(store.get(member_key(round.ranks[i])));
  store.set(kBegin, Json{{"id", round.id}, {"ranks", round.ranks}, {"tokens", tokens}}.dump());
  return round;
}

std::optional<Round> enter_round(KeyStore& store, const Launch& launch, const Waiting& waiting) {
  const std::string own = token();
  try {
    if (store.has(kBegin)) return std::nullopt;
    store.set(member_key(launch.rank), own);
    while (!store.has(kBegin)) {
      if (Clock::now() >= waiting.until) return std::nullopt;
      wait_a_moment(waiting);
    }
    const Json begin = Json::parse(store.get(kBegin));
    Round round{begin.at("id"), 0, 0, begin.at("ranks")};
    round.size = static_cast<int>(round.ranks.size());
    const Json& tokens = begin.at("tokens");
    // Of two processes with one rank, the round has the one that came last.
    for (int i = 1; i < round.size; ++i) {
      if (tokens.at(static_cast<std::size_t>(i)) != own) continue;
      round.rank = i;
      return round;
    }
    return std::nullopt;
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace oko::train
