#include "oko/serve/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "oko/base/clock.h"
#include "oko/base/error.h"
#include "oko/base/owned.h"
#include "oko/base/spawn.h"

namespace oko::serve {
namespace {

// The page's scripts and its worker come from here, as does WebAssembly; frames are drawn from the
// camera and never from an address.
constexpr std::array<std::pair<const char*, const char*>, 10> kHeaders{{
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
     "style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; base-uri 'none'; "
     "form-action 'none'; frame-ancestors 'none'"},
    {"Cross-Origin-Embedder-Policy", "require-corp"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(self), microphone=(), geolocation=()"},
    {"Referrer-Policy", "no-referrer"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"X-Robots-Tag", "noindex"},
}};

Error failure(const Address& address, const char* what) {
  const int error = errno;
  std::string hint;
  if (error == EADDRINUSE) hint = "choose another port with --port, or any free one with --port 0";
  if (error == EADDRNOTAVAIL) hint = "give one of this machine's addresses, or --lan";
  if (error == EACCES) hint = "ports below 1024 are the system's: use --port 8443";
  return {ErrorCode::kFailed, host_and_port(address),
          std::string(what) + ": " + std::strerror(error), hint};
}

Descriptor listening_socket(const Address& address) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(address.port);
  if (getaddrinfo(address.host.c_str(), port.c_str(), &hints, &list) != 0) {
    throw Error(ErrorCode::kUsage, address.host, "is not an address");
  }
  const Owned<addrinfo, freeaddrinfo> owner(list);
  Descriptor socket(::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  if (!socket.open() ||
      setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      bind(socket.number(), list->ai_addr, list->ai_addrlen) != 0 ||
      listen(socket.number(), SOMAXCONN) != 0) {
    throw failure(address, "cannot listen");
  }
  return socket;
}

std::uint16_t port_of(int socket) {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) != 0) return 0;
  return ntohs(own.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(own).sin6_port
                                         : reinterpret_cast<sockaddr_in&>(own).sin_port);
}

std::string_view header(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? std::string_view() : value;
}

Request request_of(MHD_Connection* connection, const char* method, const char* path) {
  return {.method = method,
          .path = path,
          .host = header(connection, "Host"),
          .origin = header(connection, "Origin"),
          .service_worker = header(connection, "Service-Worker"),
          .content_length = header(connection, "Content-Length"),
          .transfer_encoding = header(connection, "Transfer-Encoding")};
}

// How many headers of a name there are.
int count_headers(MHD_Connection* connection, std::string_view name) {
  std::pair<std::string_view, int> search{name, 0};
  const auto visit = [](void* given, MHD_ValueKind, const char* key, const char*) {
    auto& [wanted, count] = *static_cast<std::pair<std::string_view, int>*>(given);
    if (strlen(key) == wanted.size() && strncasecmp(key, wanted.data(), wanted.size()) == 0) {
      ++count;
    }
    return MHD_YES;
  };
  MHD_get_connection_values(connection, MHD_HEADER_KIND, visit, &search);
  return search.second;
}

// Sends what `response` owns: it is kept until libmicrohttpd has sent it.
MHD_Result send(MHD_Connection* connection, const Response& response, bool close) {
  auto owner = std::make_unique<Bytes>(response.content);
  struct Read {
    static ssize_t some(void* given, std::uint64_t at, char* buffer, std::size_t most) {
      const auto& bytes = *static_cast<const Bytes*>(given);
      const std::size_t count = std::min<std::size_t>(most, bytes.size() - at);
      std::memcpy(buffer, bytes.data() + at, count);
      return static_cast<ssize_t>(count);
    }
    static void free(void* given) { delete static_cast<Bytes*>(given); }
  };
  constexpr std::size_t kBlock = std::size_t{64} << 10;
  MHD_Response* answer = MHD_create_response_from_callback(owner->size(), kBlock, &Read::some,
                                                           owner.get(), &Read::free);
  if (answer == nullptr) return MHD_NO;
  owner.release();
  for (const auto& [name, value] : kHeaders) MHD_add_response_header(answer, name, value);
  if (!response.type.empty()) {
    MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, response.type.c_str());
  }
  if (close) MHD_add_response_header(answer, MHD_HTTP_HEADER_CONNECTION, "close");
  const MHD_Result result =
      MHD_queue_response(connection, static_cast<unsigned>(response.status), answer);
  MHD_destroy_response(answer);
  return result;
}

}  // namespace

Listener::Listener(const Address& address) : address_(address) {
  Descriptor socket = listening_socket(address);
  address_.port = port_of(socket.number());
  socket_ = dup(socket.number());
  if (socket_ < 0) throw failure(address, "cannot listen");
}

Listener::~Listener() {
  if (socket_ >= 0) ::close(socket_);
}

Listener::Listener(Listener&& other) noexcept
    : address_(std::move(other.address_)), socket_(std::exchange(other.socket_, -1)) {}

int Listener::release() { return std::exchange(socket_, -1); }

// libmicrohttpd's time limit is for silence only. One byte now and then would hold a connection for
// ever, so a second thread ends those that take too long as a whole.
class Server::State {
 public:
  State(Listener listener, const Certificate& certificate, Site& site, const Limits& limits)
      : site_(site), limits_(limits) {
    start(listener, certificate);
    watch_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
  }

  ~State() {
    watch_ = {};
    MHD_stop_daemon(daemon_);
  }

 private:
  using Deadlines = std::map<int, Clock::time_point>;  // by socket

  // A request whose answer waits until all of it has arrived: an answer to its headers alone would
  // end the connection.
  struct Pending {
    std::optional<Response> response;  // or its body has to be read for one
    std::vector<std::byte> body;
  };

  void start(Listener& listener, const Certificate& certificate) {
    constexpr std::size_t kHeaderMemory = std::size_t{24}
                                          << 10;  // of a connection, for all headers
    constexpr int kStrict = 1;
    const int socket = listener.release();
    daemon_ = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS, 0, nullptr, nullptr,
                               &State::on_request, this, MHD_OPTION_LISTEN_SOCKET, socket,  //
                               MHD_OPTION_HTTPS_MEM_KEY, certificate.key.c_str(),           //
                               MHD_OPTION_HTTPS_MEM_CERT, certificate.certificate.c_str(),  //
                               MHD_OPTION_HTTPS_PRIORITIES,
                               "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",                 //
                               MHD_OPTION_CONNECTION_LIMIT, limits_.connections,             //
                               MHD_OPTION_PER_IP_CONNECTION_LIMIT, limits_.per_address,      //
                               MHD_OPTION_CONNECTION_TIMEOUT, limits_.idle_seconds,          //
                               MHD_OPTION_CONNECTION_MEMORY_LIMIT, kHeaderMemory,            //
                               MHD_OPTION_STRICT_FOR_CLIENT, kStrict,                        //
                               MHD_OPTION_UNESCAPE_CALLBACK, &State::keep_escapes, nullptr,  //
                               MHD_OPTION_NOTIFY_CONNECTION, &State::on_connection, this,    //
                               MHD_OPTION_NOTIFY_COMPLETED, &State::on_completed, this,      //
                               MHD_OPTION_END);
    if (daemon_ != nullptr) return;
    ::close(socket);
    throw Error(ErrorCode::kFailed, "libmicrohttpd", "the server cannot be started");
  }

  // None of our names has a percent sign, so nothing is decoded.
  static std::size_t keep_escapes(void*, MHD_Connection*, char* text) { return strlen(text); }

  static int socket_of(MHD_Connection* connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  }

  void give(MHD_Connection* connection, std::chrono::seconds time) {
    const std::scoped_lock lock(mutex_);
    deadlines_[socket_of(connection)] = Clock::now() + time;
  }

  static void on_connection(void* self, MHD_Connection* connection, void**,
                            MHD_ConnectionNotificationCode what) {
    auto& state = *static_cast<State*>(self);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) return state.give(connection, state.limits_.request);
    const std::scoped_lock lock(state.mutex_);  // the socket is closed after this
    state.deadlines_.erase(socket_of(connection));
  }

  static void on_completed(void* self, MHD_Connection* connection, void** data,
                           MHD_RequestTerminationCode) {
    auto& state = *static_cast<State*>(self);
    delete static_cast<Pending*>(std::exchange(*data, nullptr));
    state.give(connection, state.limits_.request);
  }

  static MHD_Result on_request(void* self, MHD_Connection* connection, const char* path,
                               const char* method, const char*, const char* piece,
                               std::size_t* size, void** data) {
    auto& state = *static_cast<State*>(self);
    try {
      const Request request = request_of(connection, method, path);
      if (*data == nullptr) return state.begin(connection, request, data);
      return state.go_on(connection, *static_cast<Pending*>(*data), piece, *size);
    } catch (const std::exception&) {  // no memory; must not pass through C
      return MHD_NO;
    }
  }

  // Only the headers have arrived.
  MHD_Result begin(MHD_Connection* connection, const Request& request, void** data) {
    std::optional<Response> early = site_.answer(request);
    // A client that says twice how long its body is, or whom it asks, hopes for two opinions.
    if (count_headers(connection, "Content-Length") > 1 || count_headers(connection, "Host") > 1) {
      early = Response{.status = MHD_HTTP_BAD_REQUEST, .type = {}, .content = {}};
    }
    // What is refused is not read.
    const bool has_body = !request.content_length.empty() || !request.transfer_encoding.empty();
    if (early && (has_body || early->status >= MHD_HTTP_BAD_REQUEST)) {
      give(connection, limits_.response);
      return send(connection, *early, true);
    }
    *data = new Pending{std::move(early), {}};
    return MHD_YES;
  }

  MHD_Result go_on(MHD_Connection* connection, Pending& pending, const char* piece,
                   std::size_t& size) {
    if (size == 0) {
      give(connection, limits_.response);
      return send(connection,
                  pending.response ? *pending.response : site_.keep(Bytes(std::move(pending.body))),
                  false);
    }
    if (pending.response || pending.body.size() + size > kMostFrameBytes) return MHD_NO;
    const auto* bytes = reinterpret_cast<const std::byte*>(piece);
    pending.body.insert(pending.body.end(), bytes, bytes + size);
    size = 0;
    return MHD_YES;
  }

  void watch(const std::stop_token& stop) {
    constexpr std::chrono::milliseconds kPause{100};
    for (; !stop.stop_requested(); std::this_thread::sleep_for(kPause)) {
      const std::scoped_lock lock(mutex_);
      const auto now = Clock::now();
      for (const auto& [socket, deadline] : deadlines_) {
        if (deadline < now) shutdown(socket, SHUT_RDWR);  // libmicrohttpd then closes it
      }
    }
  }

  Site& site_;
  Limits limits_;
  std::mutex mutex_;
  Deadlines deadlines_;
  MHD_Daemon* daemon_ = nullptr;
  std::jthread watch_;
};

Server::Server(Listener listener, const Certificate& certificate, Site& site, const Limits& limits)
    : state_(std::make_unique<State>(std::move(listener), certificate, site, limits)) {}
Server::~Server() = default;

}  // namespace oko::serve
