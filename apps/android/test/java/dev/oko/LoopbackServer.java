package dev.oko;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** An http server on this machine, with the files under /v1 that a test gives it. */
final class LoopbackServer implements AutoCloseable {
  final Map<String, byte[]> files = new ConcurrentHashMap<>();
  /** Where a file has moved to. */
  final Map<String, String> moved = new ConcurrentHashMap<>();
  /** The names of the files that were asked for. */
  final List<String> asked = new CopyOnWriteArrayList<>();
  /** Promises this many bytes more than it sends; negative: does not say how many it sends. */
  volatile int missing;

  private final HttpServer server;

  LoopbackServer() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/v1/",
        exchange -> {
          String name = exchange.getRequestURI().getPath().substring("/v1/".length());
          asked.add(name);
          byte[] content = files.get(name);
          String place = moved.get(name);
          if (place != null) {
            exchange.getResponseHeaders().set("Location", place);
            exchange.sendResponseHeaders(302, -1);
          } else if (content == null) {
            exchange.sendResponseHeaders(404, -1);
          } else {
            exchange.sendResponseHeaders(200, missing < 0 ? 0 : content.length + missing);
            exchange.getResponseBody().write(content);
          }
          exchange.close();
        });
    server.start();
  }

  String address() {
    return "http://localhost:" + server.getAddress().getPort() + "/v1";
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
