#pragma once

#include "net/server.hpp"

#include "tests/support/fake_backend.hpp"
#include "tests/support/raw_http.hpp"
#include "tests/support/temporary_folder.hpp"

#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace troupe::test {

inline net::server_config test_config() {
  net::server_config out;
  out.port = 0;
  out.requests_per_minute = 0;
  out.file_threads = 1;
  return out;
}

/// A server on a free loopback port over a fake backend.
struct running_server {
  explicit running_server(net::server_config config = test_config()) :
    backend(folder.path), server(std::move(config), backend) {
    auto started = server.start();
    port = started ? *started : 0;
  }
  std::optional<raw_answer> ask(std::string_view bytes) {
    raw_client client{port};
    return client.ask(bytes);
  }
  /// Files below the uploads folder, hidden ones too. A folder that the server removes during the walk starts it anew.
  std::vector<std::string> uploads() const {
    namespace fs = std::filesystem;
    std::vector<std::string> out;
    std::error_code gone;
    do {
      out.clear();
      fs::recursive_directory_iterator at{folder.path + "/uploads"};
      for (gone.clear(); !gone && at != fs::end(at); at.increment(gone))
        out.push_back(at->path().lexically_relative(folder.path + "/uploads"));
    } while (gone);
    return out;
  }

  temporary_folder folder;
  fake_backend backend;
  net::server server;
  uint16_t port = 0;
};

inline void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream out{path, std::ios::binary};
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string read_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace troupe::test
