#include "oko/cli/stoppable.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace oko::cli {

StoppableProgress::StoppableProgress(Progress& inner)
    : inner_(inner), watch_([this](const std::stop_token& end) {
        constexpr auto kTick = std::chrono::milliseconds(100);
        std::mutex mutex;
        std::condition_variable_any ended;
        std::unique_lock lock(mutex);
        while (!ended.wait_for(lock, end, kTick, [&] { return end.stop_requested(); })) {
          if (guard_.interrupted()) return storage::stop_requests();
        }
      }) {}

StoppableProgress::~StoppableProgress() {
  watch_ = {};
  if (guard_.interrupted()) storage::stop_requests(false);
}

void StoppableProgress::begin(std::string_view what, std::uint64_t total, std::string_view unit) {
  inner_.begin(what, total, unit);
}

void StoppableProgress::advance(std::uint64_t count) {
  if (guard_.interrupted()) throw Error(ErrorCode::kInterrupted, "", "interrupted");
  inner_.advance(count);
}

}  // namespace oko::cli
