#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "oko/base/text.h"
#include "oko/storage/http/exchange.h"

namespace oko::storage::http {
namespace {

Response::Failure kind_of(CURLcode result) {
  switch (result) {
    case CURLE_OK:
      return Response::Failure::kNone;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return Response::Failure::kConnect;
    case CURLE_OPERATION_TIMEDOUT:
      return Response::Failure::kTimeout;
    case CURLE_ABORTED_BY_CALLBACK:
      return Response::Failure::kStopped;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Response::Failure::kRefused;
    default:
      return Response::Failure::kBroken;
  }
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// Hosts never reached through a proxy: this machine, and link-local metadata servers.
bool is_near(std::string_view url) {
  const auto start = url.find("://");
  std::string_view host = start == url.npos ? url : url.substr(start + 3);
  host = host.substr(0, host.find_first_of("/?"));
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]") ||
         host.starts_with("169.254.") || host.starts_with("[fd00:ec2::") ||
         host.starts_with("metadata.google.internal");
}

std::string ca_file_of(const Request& request) {
  if (!request.ca_file.empty()) return request.ca_file;
  for (const char* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"}) {
    if (const char* file = std::getenv(name); file != nullptr && *file != '\0') return file;
  }
  return {};
}

}  // namespace

// What curl calls.
class ExchangeCallbacks {
 public:
  static std::size_t header(char* data, std::size_t, std::size_t size, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    const std::string_view line(data, size);
    Response& response = exchange.response_;
    if (line.starts_with("HTTP/")) {  // also after "100 Continue": the last one is used
      response.headers.clear();
    } else if (const auto colon = line.find(':'); colon != line.npos) {
      constexpr std::size_t kMostHeaders = 500;
      if (response.headers.size() >= kMostHeaders) return 0;
      response.headers.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
    }
    return size;
  }

  static std::size_t write(char* data, std::size_t, std::size_t size, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    Response& response = exchange.response_;
    long status = 0;
    curl_easy_getinfo(exchange.connection_.handle(), CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    const Request& request = exchange.request_;
    if (request.sink && (status == 200 || status == 206)) {
      try {
        if (!std::exchange(exchange.begun_, true) && request.begin) request.begin(response);
        request.sink(std::as_bytes(std::span(data, size)));
      } catch (...) {
        exchange.thrown_ = std::current_exception();
        return 0;
      }
    } else {
      if (response.body.size() + size > request.max_body) {
        exchange.too_long_ = true;
        return 0;
      }
      response.body.append(data, size);
    }
    response.received += size;
    counters().received += size;
    return size;
  }

  static std::size_t read(char* to, std::size_t, std::size_t size, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    const std::vector<Span>& body = exchange.request_.body;
    std::size_t given = 0;
    while (given < size && exchange.body_part_ < body.size()) {
      const Span left = body[exchange.body_part_].subspan(exchange.body_offset_);
      const std::size_t n = std::min(left.size(), size - given);
      if (n > 0) std::memcpy(to + given, left.data(), n);
      given += n;
      exchange.body_offset_ += n;
      if (n == left.size()) {
        ++exchange.body_part_;
        exchange.body_offset_ = 0;
      }
    }
    counters().sent += given;
    return given;
  }

  static int seek(void* self, curl_off_t offset, int origin) {
    auto& exchange = *static_cast<Exchange*>(self);
    if (origin != SEEK_SET || offset != 0) return CURL_SEEKFUNC_CANTSEEK;
    exchange.body_part_ = exchange.body_offset_ = 0;
    return CURL_SEEKFUNC_OK;
  }

  static curl_socket_t open_socket(void* connection, curlsocktype, curl_sockaddr* address) {
    ++counters().connections;
    const curl_socket_t socket =
        ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (socket != CURL_SOCKET_BAD) static_cast<Client::Connection*>(connection)->opened(socket);
    return socket;
  }

  static int close_socket(void* connection, curl_socket_t socket) {
    static_cast<Client::Connection*>(connection)->closed(socket);
    return ::close(socket);
  }

  // Just before a request is sent. Bytes already pending on a reused plain connection are not a
  // response to it: a server that responded twice would otherwise shift all responses by one.
  static int before_request(void* self, char*, char*, int, int local_port) {
    auto& exchange = *static_cast<Exchange*>(self);
    long connections_made = 0;
    curl_easy_getinfo(exchange.connection_.handle(), CURLINFO_NUM_CONNECTS, &connections_made);
    const bool is_plain = exchange.request_.url.starts_with("http://");
    if (!is_plain || connections_made > 0) return CURL_PREREQFUNC_OK;
    const curl_socket_t socket = exchange.connection_.socket_of_port(local_port);
    char byte;
    if (socket == CURL_SOCKET_BAD) return CURL_PREREQFUNC_OK;
    if (::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) return CURL_PREREQFUNC_OK;
    exchange.stale_ = true;
    return CURL_PREREQFUNC_ABORT;
  }
};

Exchange::Exchange(const Request& request, Client::Connection& connection)
    : request_(request), connection_(connection) {
  curl_easy_reset(connection_.handle());  // which keeps the connection
  set_options();
  set_tls();
  set_route();
  set_body();
  set_headers();
}

Exchange::~Exchange() {
  curl_slist_free_all(headers_);
  curl_slist_free_all(connect_to_);
}

Response Exchange::run(const Client& client) {
  const CURLcode result = connection_.perform(client);
  if (thrown_) std::rethrow_exception(thrown_);
  long status = 0;
  curl_easy_getinfo(connection_.handle(), CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  response_.failure = kind_of(result);
  if (too_long_) {
    response_.failure = Response::Failure::kTooLong;
    response_.failure_text =
        "the response is longer than " + std::to_string(request_.max_body) + " bytes";
  } else if (response_.failure == Response::Failure::kStopped) {
    response_.failure_text = "stopped";
  } else if (result != CURLE_OK) {
    response_.failure_text = error_[0] != '\0' ? error_ : curl_easy_strerror(result);
  }
  return std::move(response_);
}

void Exchange::set_headers() {
  for (const auto& [name, value] : request_.headers) {
    // "Name;" is curl's way to send a header without a value.
    const std::string line = value.empty() ? name + ";" : name + ": " + value;
    headers_ = curl_slist_append(headers_, line.c_str());
  }
  // Neither curl's default content type nor "Expect: 100-continue".
  for (const char* header : {"Expect:", "Accept:"}) headers_ = curl_slist_append(headers_, header);
  const bool typed =
      std::any_of(request_.headers.begin(), request_.headers.end(),
                  [](const auto& header) { return lower(header.first) == "content-type"; });
  if (!typed) headers_ = curl_slist_append(headers_, "Content-Type:");
  set(CURLOPT_HTTPHEADER, headers_);
}

void Exchange::set_options() {
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_ERRORBUFFER, error_);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_USERAGENT, "oko");
  set(CURLOPT_BUFFERSIZE, static_cast<long>(Client::kBuffered));
  set(CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_FRESH_CONNECT, request_.once ? 1L : 0L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.timeouts.connect.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(request_.timeouts.stall.count()));
  set(CURLOPT_HEADERFUNCTION, &ExchangeCallbacks::header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &ExchangeCallbacks::write);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_OPENSOCKETFUNCTION, &ExchangeCallbacks::open_socket);
  set(CURLOPT_OPENSOCKETDATA, &connection_);
  set(CURLOPT_CLOSESOCKETFUNCTION, &ExchangeCallbacks::close_socket);
  set(CURLOPT_CLOSESOCKETDATA, &connection_);
  set(CURLOPT_PREREQFUNCTION, &ExchangeCallbacks::before_request);
  set(CURLOPT_PREREQDATA, this);
}

void Exchange::set_tls() {
  const Tls& tls = request_.tls;
  const auto set_content = [this](CURLoption option, const std::string& content) {
    curl_blob blob{const_cast<char*>(content.data()), content.size(), CURL_BLOB_COPY};
    set(option, &blob);
  };
  if (!tls.ca.empty()) {
    set_content(CURLOPT_CAINFO_BLOB, tls.ca);
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));  // else the system's are trusted too
  } else if (const std::string file = ca_file_of(request_); !file.empty()) {
    set(CURLOPT_CAINFO, file.c_str());
  }
  if (!tls.certificate.empty()) {
    set(CURLOPT_SSLCERTTYPE, "PEM");
    set_content(CURLOPT_SSLCERT_BLOB, tls.certificate);
    set(CURLOPT_SSLKEYTYPE, "PEM");
    set_content(CURLOPT_SSLKEY_BLOB, tls.key);
  }
  if (!tls.verify) {
    set(CURLOPT_SSL_VERIFYPEER, 0L);
    set(CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

void Exchange::set_route() {
  if (!request_.connect_to.empty()) {
    connect_to_ = curl_slist_append(connect_to_, ("::" + request_.connect_to).c_str());
    set(CURLOPT_CONNECT_TO, connect_to_);
  }
  if (!request_.proxy.empty()) {
    set(CURLOPT_PROXY, request_.proxy.c_str());
  } else if (is_near(request_.connect_to.empty() ? request_.url : request_.connect_to)) {
    set(CURLOPT_PROXY, "");
  }
}

void Exchange::set_body() {
  std::uint64_t size = 0;
  for (const Span part : request_.body) size += part.size();
  if (request_.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request_.method == "PUT" || request_.method == "POST" || size > 0) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    set(CURLOPT_READFUNCTION, &ExchangeCallbacks::read);
    set(CURLOPT_READDATA, this);
    set(CURLOPT_SEEKFUNCTION, &ExchangeCallbacks::seek);
    set(CURLOPT_SEEKDATA, this);
    set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  } else if (request_.method != "GET") {
    set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

}  // namespace oko::storage::http
