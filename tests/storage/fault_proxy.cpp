#include "tests/storage/fault_proxy.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "oko/base/json.h"
#include "oko/base/random.h"
#include "tests/storage/wire.h"

namespace oko::testing {
namespace {

constexpr std::array kNames = {"429",       "503",       "lost",         "cut-request",
                               "cut-reply", "stall",     "flip-request", "flip-reply",
                               "twice",     "duplicate", "401"};

struct Message {
  Head head;
  std::string body;
};

// A complete reply, with a length instead of chunks.
void send_message(Connection& connection, const Message& message, bool body = true) {
  connection.send(body ? message.head.text() + message.body : message.head.text());
}

Message made_reply(const std::string& start, const std::string& body) {
  Message reply;
  reply.head.start = "HTTP/1.1 " + start;
  reply.body = body;
  reply.head.set("Content-Type", body.starts_with("<") ? "application/xml" : "application/json");
  reply.head.set("Content-Length", std::to_string(body.size()));
  return reply;
}

bool speaks_json(const Message& request) {
  const std::string target = request.head.target();
  return target.find("/storage/v1") != std::string::npos;
}

// A rejection in the protocol's format.
Message refusal(const Message& request, int status, const std::string& reason) {
  const std::string code = std::to_string(status);
  return speaks_json(request)
             ? made_reply(code + " -",
                          R"({"error":{"code":)" + code + R"(,"message":")" + reason + R"("}})")
             : made_reply(code + " -", "<Error><Code>" + reason + "</Code><Message>" + reason +
                                           "</Message></Error>");
}

// Where the bytes of an object start in a request; npos if it has none.
std::size_t object_in_request(const Message& request) {
  const std::string method = request.head.method();
  const std::string type = lower(request.head.get("Content-Type"));
  if ((method != "PUT" && method != "POST") || request.body.empty()) return std::string::npos;
  if (!speaks_json(request)) return method == "PUT" ? 0 : std::string::npos;
  if (request.head.target().find("/upload/") == std::string::npos) return std::string::npos;
  if (!type.starts_with("multipart/")) {
    return request.head.has("Content-Range") || type != "application/json" ? 0 : std::string::npos;
  }
  const auto first = request.body.find("\n\r\n");
  const auto second = request.body.find("\n\r\n", std::min(first + 3, request.body.size()));
  // The closing boundary follows; a tiny object would be indistinguishable from it.
  return second == std::string::npos || second + 100 > request.body.size() ? std::string::npos
                                                                           : second + 3;
}

bool carries_object(const Message& request, const Message& reply) {
  if (request.head.method() != "GET" || reply.body.empty()) return false;
  if (reply.head.status() != 200 && reply.head.status() != 206) return false;
  if (speaks_json(request)) return request.head.target().find("alt=media") != std::string::npos;
  return reply.head.get("Content-Type").find("xml") == std::string::npos;
}

}  // namespace

const char* name_of(Fault fault) { return kNames[static_cast<std::size_t>(fault)]; }

std::vector<Fault> faults_named(const std::string& comma_list) {
  std::vector<Fault> faults;
  for (std::size_t at = 0; at < comma_list.size();) {
    const auto end = std::min(comma_list.find(',', at), comma_list.size());
    const std::string name = comma_list.substr(at, end - at);
    const auto* found = std::ranges::find(kNames, name);
    if (found == kNames.end()) throw std::invalid_argument("unknown fault " + name);
    faults.push_back(static_cast<Fault>(found - kNames.begin()));
    at = end + 1;
  }
  return faults;
}

struct FaultProxy::Inside {
  explicit Inside(const FaultOptions& given)
      : options(given), listener(options.port, [this](Connection& client) { serve(client); }) {}

  void serve(Connection& client);
  void pass(Connection& client, Message request);
  void pass_with(Fault fault, Random& random, Connection& client, Message& request);
  bool possible(Fault fault, const Message& request) const;
  Message ask(const Message& request);

  void count(Fault fault) {
    const std::scoped_lock lock(mutex);
    ++counted[name_of(fault)];
  }

  FaultOptions options;
  mutable std::mutex mutex;
  std::map<std::string, std::uint64_t> counted;
  std::uint64_t requests = 0;
  Listener listener;
};

void FaultProxy::Inside::serve(Connection& client) {
  while (auto head = client.read_head()) {
    Message request{std::move(*head), {}};
    request.body = client.read_whole_body(request.head);
    request.head.erase("Expect");
    if (request.head.has("Transfer-Encoding")) {
      request.head.erase("Transfer-Encoding");
      request.head.set("Content-Length", std::to_string(request.body.size()));
    }
    if (request.head.target() == "/-/faults") {
      Json json = Json::object();
      {
        const std::scoped_lock lock(mutex);
        json = counted;
        json["requests"] = requests;
      }
      send_message(client, made_reply("200 OK", json.dump(2) + "\n"));
    } else {
      pass(client, std::move(request));
    }
  }
}

// Sends a request to the server, over a new connection, and returns the complete reply.
Message FaultProxy::Inside::ask(const Message& request) {
  const auto server = Connection::to(options.to);
  send_message(*server, request);
  Message reply;
  do {
    auto head = server->read_head();
    if (!head) throw Broken{};
    reply.head = std::move(*head);
  } while (reply.head.status() == 100);
  const std::string method = request.head.method();
  reply.body = server->read_whole_body(reply.head, method);
  const int status = reply.head.status();
  if (method != "HEAD" && status != 204 && status != 304) {
    reply.head.erase("Transfer-Encoding");
    reply.head.set("Content-Length", std::to_string(reply.body.size()));
  }
  reply.head.erase("Connection");
  reply.head.erase("Keep-Alive");
  return reply;
}

bool FaultProxy::Inside::possible(Fault fault, const Message& request) const {
  switch (fault) {
    case Fault::kCutRequest:
      return request.body.size() > 1;
    case Fault::kFlipRequest:
      return object_in_request(request) != std::string::npos;
    case Fault::kFlipReply:
    case Fault::kCutReply:
    case Fault::kStall:
      return request.head.method() == "GET";
    case Fault::kExpired:
      return request.head.get("Authorization").starts_with("Bearer ");
    default:
      return true;
  }
}

void FaultProxy::Inside::pass(Connection& client, Message request) {
  std::uint64_t number = 0;
  {
    const std::scoped_lock lock(mutex);
    number = ++requests;
  }
  Random random(options.seed, number);
  std::vector<Fault> candidates;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const auto fault = static_cast<Fault>(i);
    const bool wanted =
        options.faults.empty() || std::ranges::find(options.faults, fault) != options.faults.end();
    if (wanted && possible(fault, request)) candidates.push_back(fault);
  }
  if (candidates.empty() || !random.chance(options.chance)) {
    send_message(client, ask(request), request.head.method() != "HEAD");
  } else {
    pass_with(candidates[random.below(candidates.size())], random, client, request);
  }
}

void FaultProxy::Inside::pass_with(Fault fault, Random& random, Connection& client,
                                   Message& request) {
  const bool with_body = request.head.method() != "HEAD";
  const auto flip = [&](std::string& body, std::size_t first, std::size_t count) {
    body[first + random.below(count)] ^= 1;
  };
  switch (fault) {
    case Fault::kTooMany: {
      Message reply =
          refusal(request, 429, speaks_json(request) ? "rateLimitExceeded" : "SlowDown");
      reply.head.set("Retry-After", std::to_string(options.retry_after));
      count(fault);
      return send_message(client, reply, with_body);
    }
    case Fault::kUnavailable:
      count(fault);
      return send_message(client, refusal(request, 503, "ServiceUnavailable"), with_body);
    case Fault::kExpired:
      count(fault);
      return send_message(client, refusal(request, 401, "Invalid Credentials"), with_body);
    case Fault::kLost:
      ask(request);
      count(fault);
      return send_message(client, refusal(request, 503, "InternalError"), with_body);
    case Fault::kCutRequest: {
      const auto server = Connection::to(options.to);
      server->send(request.head.text() + request.body.substr(0, random.below(request.body.size())));
      count(fault);
      client.reset();
      return;
    }
    case Fault::kFlipRequest: {
      const std::size_t first = object_in_request(request);
      const bool multipart = lower(request.head.get("Content-Type")).starts_with("multipart/");
      // The last bytes of a multipart body are its boundary.
      flip(request.body, first, request.body.size() - first - (multipart ? 90 : 0));
      count(fault);
      return send_message(client, ask(request), with_body);
    }
    case Fault::kTwice: {
      const Message reply = ask(request);
      ask(request);
      count(fault);
      return send_message(client, reply, with_body);
    }
    default:
      break;
  }
  Message reply = ask(request);
  if (fault == Fault::kDuplicate) {
    count(fault);
    const std::string once = with_body ? reply.head.text() + reply.body : reply.head.text();
    return client.send(once + once);
  }
  if (fault == Fault::kFlipReply) {
    if (carries_object(request, reply)) {
      flip(reply.body, 0, reply.body.size());
      count(fault);
    }
    return send_message(client, reply, with_body);
  }
  count(fault);
  client.send(reply.head.text() + reply.body.substr(0, random.below(reply.body.size() + 1)));
  if (fault == Fault::kStall) client.wait_for_hangup(options.stall_seconds);
  client.reset();
}

FaultProxy::FaultProxy(const FaultOptions& options) : inside_(std::make_unique<Inside>(options)) {}
FaultProxy::~FaultProxy() = default;
int FaultProxy::port() const { return inside_->listener.port(); }

std::map<std::string, std::uint64_t> FaultProxy::counts() const {
  const std::scoped_lock lock(inside_->mutex);
  auto counts = inside_->counted;
  counts["requests"] = inside_->requests;
  return counts;
}

}  // namespace oko::testing
