#include "oko/storage/files/files.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "oko/base/error.h"
#include "oko/storage/files/fetcher.h"
#include "oko/storage/transfer/workers.h"

namespace oko::storage {
namespace {

constexpr std::uint64_t kAhead = std::uint64_t{128} << 20;

struct Stopped {};

}  // namespace

struct Files::State {
  struct Waiting {  // data waiting for its reader, with reserved memory
    Bytes bytes;
    Workers::Lease lease;
  };

  explicit State(DiskCache& cache) : fetcher(cache) {}
  ~State() { stop(); }

  const Piece* find(const std::string& name) const {
    const auto found = pieces.find(name);
    return found == pieces.end() ? nullptr : &found->second;
  }

  Fetched fetch(const std::string& name, const Piece& piece) {
    return name == piece.uri ? fetcher.whole(piece) : fetcher.part(piece, ends.at(piece.uri));
  }
  bool keeps(const std::string& name, const Piece& piece) {
    return fetcher.keeps(piece, name == piece.uri, ends.at(piece.uri));
  }

  std::optional<Bytes> take_waiting(const std::string& name) {
    const std::scoped_lock lock(mutex);
    asked.insert(name);
    const auto found = waiting.find(name);
    if (found == waiting.end()) return std::nullopt;
    Bytes bytes = std::move(found->second.bytes);
    waiting.erase(found);
    return bytes;
  }

  void start(std::vector<std::string> names) {
    const std::scoped_lock lock(ahead_mutex);
    stop();
    if (names.empty()) return;
    stopping = false;
    workers = std::make_unique<Workers>(0, kAhead);
    feeder = std::thread([this, wanted = std::move(names)] { feed(wanted, *workers); });
  }

  void stop() {
    stopping = true;  // from now on nothing is put into `waiting`
    if (workers) workers->drop();
    if (feeder.joinable()) feeder.join();
    {
      const std::scoped_lock lock(mutex);
      waiting.clear();  // its memory is the workers'
      asked.clear();
    }
    workers.reset();
  }

  void feed(const std::vector<std::string>& names, Workers& pool) {
    const auto look = [this] {
      if (stopping) throw Stopped{};
    };
    try {
      for (const std::string& name : names) {
        look();
        const Piece& piece = *find(name);
        const auto run = [this, name, &piece, &pool](Workers::Lease lease) {
          fetch_ahead(name, piece, pool, std::move(lease));
        };
        pool.post({Fetcher::memory_for(piece, name == piece.uri), run}, look);
      }
      pool.wait(look);
    } catch (const Stopped&) {
    }
  }

  // `pool` runs it, until the last of it has ended; `workers` may be null by then.
  void fetch_ahead(const std::string& name, const Piece& piece, Workers& pool,
                   Workers::Lease lease) {
    const auto is_late = [&] { return stopping || asked.contains(name); };
    try {
      {
        const std::scoped_lock lock(mutex);
        if (is_late()) return;
      }
      Fetched fetched = fetch(name, piece);
      pool.moved(piece.size);
      if (fetched.kept) return;
      const std::scoped_lock lock(mutex);
      if (!is_late()) waiting[name] = {std::move(fetched.bytes), std::move(lease)};
    } catch (const std::exception&) {
      // The file's reader gets the error.
    }
  }

  Fetcher fetcher;
  std::unordered_map<std::string, Piece> pieces;        // by name
  std::unordered_map<std::string, std::uint64_t> ends;  // of the last piece of a file, by URI

  std::mutex mutex;  // over the next two
  std::unordered_map<std::string, Waiting> waiting;
  std::unordered_set<std::string> asked;  // since reading ahead began

  std::mutex ahead_mutex;
  std::atomic<bool> stopping{true};
  std::unique_ptr<Workers> workers;
  std::thread feeder;
};

Files::Files(DiskCache& cache) : state_(std::make_unique<State>(cache)) {}
Files::~Files() = default;

void Files::add(const std::string& name, Piece piece) {
  std::uint64_t& end = state_->ends[piece.uri];
  end = std::max(end, piece.offset + piece.size);
  state_->pieces[name] = std::move(piece);
}

void Files::add(const Entry& listed) {
  if (listed.is_folder || is_local(listed.uri)) return;
  add(listed.uri, {listed.uri, listed.version, 0, listed.size, {}});
}

Bytes Files::read(const std::string& name) {
  const Piece* piece = state_->find(name);
  if (piece == nullptr) return map(name);
  if (auto bytes = state_->take_waiting(name)) return std::move(*bytes);
  return state_->fetch(name, *piece).bytes;
}

Bytes Files::read_part(const std::string& name, std::uint64_t offset, std::uint64_t count) {
  const Piece* piece = state_->find(name);
  if (piece == nullptr) return storage::read_range(name, offset, count);
  offset = std::min(offset, piece->size);
  count = std::min(count, piece->size - offset);
  if (count == piece->size || state_->keeps(name, *piece)) return read(name).part(offset, count);
  return read_range(piece->uri, piece->offset + offset, count, piece->version);
}

std::optional<std::uint64_t> Files::size(const std::string& name) {
  if (const Piece* piece = state_->find(name)) return piece->size;
  const auto entry = stat(name);
  return entry && !entry->is_folder ? std::optional(entry->size) : std::nullopt;
}

void Files::read_ahead(std::vector<std::string> names) {
  std::erase_if(names, [&](const std::string& name) {
    const Piece* piece = state_->find(name);
    return piece == nullptr || is_local(piece->uri);
  });
  state_->start(std::move(names));
}

}  // namespace oko::storage
