// The only file that knows LibTorch's c10d, which differs between its versions: 1.13 (Debian 12) to
// 2.6 (Debian 13). Gloo sums on a CPU; on a GPU NCCL does, where this LibTorch has it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "oko/train/aten.h"
#include "oko/train/heartbeat.h"
#include "oko/train/reach.h"
#include "oko/train/rendezvous.h"
#include "oko/train/workers.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace oko::train {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kFirstJoin = 300, kRestartJoin = 30;  // seconds
constexpr const char* kHere = "127.0.0.1";
constexpr seconds kConnecting{60};
constexpr seconds kEnding{20};  // for the process of an earlier start
// Between two sums a worker may read a slow bucket, write a checkpoint or check a dataset. That it
// still lives is what Heartbeat knows.
constexpr milliseconds kWorking = std::chrono::hours(12);
constexpr milliseconds kLook{1000};    // between looks at the heartbeat
constexpr milliseconds kReason{1500};  // for a failed worker to say why
constexpr std::size_t kMostText = std::size_t{1} << 33;

// ---- the key store ------------------------------------------------------------------------------

class TcpKeyStore final : public KeyStore {
 public:
  TcpKeyStore(const std::string& address, int port, bool hosts) {
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(port);
    options.isServer = hosts;
    options.waitWorkers = false;
    options.timeout = kConnecting;
    without_libuv(options);
    store_ = c10::make_intrusive<c10d::TCPStore>(address, options);
  }

  void set(const std::string& key, const std::string& value) override {
    store_->set(key, std::vector<std::uint8_t>(value.begin(), value.end()));
  }
  bool has(const std::string& key) override { return store_->check({key}); }
  std::string get(const std::string& key) override {
    const std::vector<std::uint8_t> value = store_->get(key);
    return {value.begin(), value.end()};
  }
  std::int64_t add(const std::string& key, std::int64_t count) override {
    return store_->add(key, count);
  }

  const c10::intrusive_ptr<c10d::TCPStore>& c10d() const { return store_; }

 private:
  // Since 2.4 the default server, but not every build has it.
  template <typename Options>
  static void without_libuv(Options& options) {
    if constexpr (requires { options.useLibUV; }) options.useLibUV = false;
  }

  c10::intrusive_ptr<c10d::TCPStore> store_;
};

// ---- groups -------------------------------------------------------------------------------------

// Connects within kConnecting, then lets sums wait as long as others work.
class GlooGroup final : public c10d::ProcessGroupGloo {
 public:
  GlooGroup(const c10::intrusive_ptr<c10d::Store>& store, const Round& round,
            const c10::intrusive_ptr<Options>& options)
      : ProcessGroupGloo(store, round.rank, round.size, options) {
    for (const auto& context : contexts_) context->setTimeout(kWorking);
  }
};

c10::intrusive_ptr<c10d::ProcessGroupGloo::Options> gloo_options(const std::string& interface,
                                                                 const std::string& own_address) {
  auto options = c10d::ProcessGroupGloo::Options::create(kConnecting);
  options->devices.push_back(interface.empty()
                                 ? c10d::ProcessGroupGloo::createDeviceForHostname(own_address)
                                 : c10d::ProcessGroupGloo::createDeviceForInterface(interface));
  return options;
}

struct Sum {
  c10::intrusive_ptr<c10d::Work> work;
  // Whether work->wait() waits for it on the CPU. NCCL's only orders what the GPU does next.
  bool blocks = true;
};

template <typename Group>
c10::intrusive_ptr<c10d::Work> begin(Group& group, const at::Tensor& values) {
  std::vector<at::Tensor> one{values};
  return group.allreduce(one);
}

// ---- the workers --------------------------------------------------------------------------------

class C10dWorkers final : public Workers {
 public:
  // What it connects to is released, not destroyed, once a worker is lost: destructors would wait
  // for it.
  struct Connections {
    std::unique_ptr<TcpKeyStore> host;  // of worker 0
    std::unique_ptr<Heartbeat> heartbeat;
    c10::intrusive_ptr<c10d::Store> store;  // of the round
    c10::intrusive_ptr<GlooGroup> control, tensors;
#ifdef USE_C10D_NCCL
    c10::intrusive_ptr<c10d::ProcessGroupNCCL> on_gpu;  // from the first tensor there
#endif
    std::vector<Sum> sums;
  };

  C10dWorkers(Round round, int local_rank, std::unique_ptr<Connections> connections)
      : round_(std::move(round)), local_rank_(local_rank), all_(std::move(connections)) {}
  ~C10dWorkers() override {
    if (!broken_) return;
    all_->heartbeat.reset();
    static auto& abandoned = *new std::vector<Connections*>;  // to no tool they are a leak
    abandoned.push_back(all_.release());
  }

  int rank() const override { return round_.rank; }
  int size() const override { return round_.size; }
  int local_rank() const override { return local_rank_; }
  const Traffic& traffic() const override { return traffic_; }

  void sum(std::span<double> values) override {
    const auto count = static_cast<std::int64_t>(values.size());
    std::vector<at::Tensor> list{at::from_blob(values.data(), {count}, at::kDouble).clone()};
    guarded([&] { wait({all_->control->allreduce(list)}); });
    std::memcpy(values.data(), list[0].data_ptr<double>(), values.size() * sizeof(double));
  }

  void sum(const at::Tensor& values) override {
    guarded([&] { wait(begin_any(values)); });
  }

  void begin_sum(const at::Tensor& values) override {
    traffic_.bytes_summed += static_cast<std::int64_t>(values.nbytes());
    guarded([&] { all_->sums.push_back(begin_any(values)); });
  }

  void finish_sums() override {
    const auto start = Clock::now();
    guarded([&] {
      for (const Sum& sum : all_->sums) wait(sum);
    });
    all_->sums.clear();
    traffic_.waited_seconds += seconds_since(start);
  }

  std::string from_leader(std::string text) override {
    double size = leads() ? static_cast<double>(text.size()) : 0;
    sum({&size, 1});
    text.resize(checked(size));
    std::vector<at::Tensor> list{bytes_of(text, text.size())};
    if (text.empty()) return text;
    guarded([&] { wait({all_->control->broadcast(list)}); });
    return text_of(list[0], text.size());
  }

  std::vector<std::string> gather(const std::string& text) override {
    std::vector<double> sizes(static_cast<std::size_t>(size()), 0.);
    sizes[static_cast<std::size_t>(rank())] = static_cast<double>(text.size());
    sum(sizes);
    std::vector<std::string> texts(sizes.size());
    const std::size_t most = checked(*std::max_element(sizes.begin(), sizes.end()));
    if (most == 0) return texts;
    std::vector<at::Tensor> own{bytes_of(text, most)};
    std::vector<std::vector<at::Tensor>> all(1);
    for (std::size_t i = 0; i < sizes.size(); ++i) all[0].push_back(at::empty_like(own[0]));
    guarded([&] { wait({all_->control->allgather(all, own)}); });
    for (std::size_t i = 0; i < sizes.size(); ++i) texts[i] = text_of(all[0][i], checked(sizes[i]));
    return texts;
  }

  void failed(const Error& error) noexcept override {
    if (std::exchange(has_told_, true)) return;
    broken_ = true;  // the others do not come to what this one would wait for
    try {
      all_->heartbeat->post(error);
    } catch (...) {  // there is nobody to tell
    }
  }

 private:
  static at::Tensor bytes_of(const std::string& text, std::size_t size) {
    at::Tensor bytes = at::zeros({static_cast<std::int64_t>(size)}, at::kByte);
    std::memcpy(bytes.data_ptr(), text.data(), text.size());
    return bytes;
  }
  static std::string text_of(const at::Tensor& bytes, std::size_t size) {
    return {static_cast<const char*>(bytes.data_ptr()), size};
  }
  static std::size_t checked(double size) {
    if (size >= 0 && size <= static_cast<double>(kMostText)) return static_cast<std::size_t>(size);
    throw Error(ErrorCode::kWorkerLost, "another worker", "sends a text of impossible length");
  }

  // Whatever c10d throws means that a worker is gone.
  template <typename Body>
  void guarded(Body body) {
    if (broken_) throw lost("an earlier failure");
    try {
      body();
    } catch (const Error&) {
      broken_ = true;
      throw;
    } catch (const std::exception& e) {
      broken_ = true;
      const std::string what = e.what();
      throw lost(what.substr(0, what.find('\n')));
    }
  }

  Sum begin_any(const at::Tensor& values) {
#ifdef USE_C10D_NCCL
    if (values.is_cuda()) {
      if (!all_->on_gpu) {
        auto options = c10d::ProcessGroupNCCL::Options::create();
        options->timeout = kWorking;
        all_->on_gpu = c10::make_intrusive<c10d::ProcessGroupNCCL>(
            c10::make_intrusive<c10d::PrefixStore>("nccl", all_->store), rank(), size(), options);
      }
      return {begin(*all_->on_gpu, values), false};
    }
#endif
    return {begin(*all_->tensors, values)};
  }

  void wait(const Sum& sum) const { sum.blocks ? wait_here(*sum.work) : look_until(*sum.work); }

  void wait_here(c10d::Work& work) const {
    for (;;) {
      try {
        if (work.wait(kLook)) return;
      } catch (const std::exception&) {  // failed, or only not done yet
        if (work.isCompleted()) {
          if (work.isSuccess()) return;
          throw;
        }
      }
      if (const auto trouble = all_->heartbeat->trouble()) throw Error(*trouble);
    }
  }

  // Without the lost worker what the GPU does would never end.
  void look_until(c10d::Work& work) const {
    constexpr int kLooks = 1000;  // between those at the heartbeat
    for (int looks = 1; !work.isCompleted(); ++looks) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      if (looks % kLooks != 0) continue;
      if (const auto trouble = all_->heartbeat->trouble()) throw Error(*trouble);
    }
    work.wait();
  }

  // A connection has failed: the reason that another worker gives, else the connection's.
  Error lost(const std::string& what) const {
    if (const auto trouble = all_->heartbeat->trouble_within(kReason)) return *trouble;
    std::vector<int> ranks = all_->heartbeat->quiet();
    if (size() == 2) ranks = {1 - rank()};
    return {ErrorCode::kWorkerLost,
            ranks.empty() ? "another worker" : fmt::format("{} of {}", names_of(ranks), size()),
            "is gone: " + what, "see its log"};
  }

  const Round round_;
  const int local_rank_;
  std::unique_ptr<Connections> all_;
  Traffic traffic_;
  bool broken_ = false, has_told_ = false;
};

std::unique_ptr<Workers> connect(const Launch& launch, const Round& round,
                                 std::unique_ptr<TcpKeyStore> store,
                                 const std::string& own_address) {
  const auto gloo = gloo_options(launch.interface, own_address);
  const auto in = [](const c10::intrusive_ptr<c10d::Store>& all, const std::string& part) {
    return c10::make_intrusive<c10d::PrefixStore>(part, all);
  };
  auto c = std::make_unique<C10dWorkers::Connections>();
  c->store = in(store->c10d(), round.id);
  try {
    c->control = c10::make_intrusive<GlooGroup>(in(c->store, "control"), round, gloo);
    c->tensors = c10::make_intrusive<GlooGroup>(in(c->store, "tensors"), round, gloo);
    c->heartbeat = std::make_unique<Heartbeat>(
        std::make_unique<TcpKeyStore>(launch.rank == 0 ? kHere : launch.address, launch.port,
                                      false),
        round);
  } catch (const std::exception& e) {
    const std::string what = e.what();
    throw Error(ErrorCode::kWorkerLost, "another worker",
                "is gone, or cannot be reached: " + what.substr(0, what.find('\n')),
                "all workers must reach each other on any port; GLOO_SOCKET_IFNAME names the "
                "network interface to use");
  }
  c->host = std::move(store);
  return std::make_unique<C10dWorkers>(round, launch.local_rank, std::move(c));
}

// ---- joining ------------------------------------------------------------------------------------

std::unique_ptr<TcpKeyStore> host_store(const Launch& launch, const Waiting& waiting) {
  const auto until = std::min(waiting.until, Clock::now() + kEnding);
  while (!is_free(launch.port)) {
    if (Clock::now() >= until) {
      throw Error(ErrorCode::kUsage, fmt::format("MASTER_PORT={}", launch.port),
                  "another program uses this port", "give another one");
    }
    wait_a_moment(waiting);
  }
  return std::make_unique<TcpKeyStore>(kHere, launch.port, true);
}

// The address by which the others reach worker 0. Its name may be new, and not yet known.
std::string address_of_leader(const Launch& launch, const Waiting& waiting) {
  const auto until = std::min(waiting.until, Clock::now() + kConnecting);
  do {
    if (const auto address = reached_from(launch.address, launch.port)) return *address;
    wait_a_moment(waiting);
  } while (Clock::now() < until);
  throw Error(ErrorCode::kUsage, "MASTER_ADDR=" + launch.address,
              "is not an address of this machine, whose RANK is 0",
              "it must be that of the machine of worker 0");
}

std::unique_ptr<Workers> lead(const Launch& launch, const Waiting& waiting) {
  auto store = host_store(launch, waiting);
  const std::string own_address = address_of_leader(launch, waiting);
  const Round round = open_round(*store, launch, waiting);
  if (round.size == 1) return nullptr;
  return connect(launch, round, std::move(store), own_address);
}

// A worker may still find the round that its earlier process was lost from: then it waits for the
// next one.
std::unique_ptr<Workers> follow(const Launch& launch, const Waiting& waiting) {
  bool was_there = false;
  do {
    if (const auto own_address = reached_from(launch.address, launch.port)) {
      was_there = true;
      auto store = std::make_unique<TcpKeyStore>(launch.address, launch.port, false);
      if (const auto round = enter_round(*store, launch, waiting)) {
        return connect(launch, *round, std::move(store), *own_address);
      }
    }
    wait_a_moment(waiting);
  } while (Clock::now() < waiting.until);
  throw Error(ErrorCode::kWorkerLost, fmt::format("{}:{}", launch.address, launch.port),
              was_there ? fmt::format("the others did not begin with worker {}", launch.rank)
                        : "worker 0 does not answer",
              was_there ? "restart it when they restart, after a worker is lost or the run ends"
                        : "see whether it has started, and that this machine reaches the address");
}

}  // namespace

std::unique_ptr<Workers> join_workers(const Launch& launch, const JoinOptions& options) {
  const int time = options.seconds > 0 ? options.seconds
                   : launch.restart    ? kRestartJoin
                                       : kFirstJoin;
  const Waiting waiting{Clock::now() + seconds(time), options.stop};
  try {
    return launch.rank == 0 ? lead(launch, waiting) : follow(launch, waiting);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    const std::string what = e.what();
    throw Error(ErrorCode::kWorkerLost, fmt::format("{}:{}", launch.address, launch.port),
                "meeting the other workers failed: " + what.substr(0, what.find('\n')));
  }
}

}  // namespace oko::train
