#pragma once

// Two nodes: one that serves files, and the client of another.

#include "net/file_server.hpp"
#include "net/peer_files.hpp"

#include "host/files.hpp"
#include "host/root_threads.hpp"
#include "identity/authority.hpp"
#include "identity/ticket.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

namespace troupe::test {

namespace fs = std::filesystem;

inline std::string random_text(size_t size, uint64_t seed = 1) {
  std::string out(size, '\0');
  for (auto& c : out) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    c = static_cast<char>(seed >> 56);
  }
  return out;
}

inline std::string content_of(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline void put_file(const std::string& path, std::string_view text) {
  fs::create_directories(fs::path{path}.parent_path());
  std::ofstream{path, std::ios::binary} << text;
}

/// True when it becomes so within some seconds: a server counts after its client has the answer.
template <class F>
bool soon(F f) {
  for (int i = 0; i < 250; ++i) {
    if (f())
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  return false;
}

/// The authority of a cluster and papers of its nodes.
struct test_cluster {
  system_clocks time;
  identity::authority ca = *identity::authority::create("test", time.wall());

  net::peer_papers papers(const std::string& name, const std::vector<std::string>& hosts = {"127.0.0.1"},
                          std::optional<timestamp> when = std::nullopt) {
    auto x = ca.issue({name, {"worker"}, hosts, std::chrono::hours{24}}, when.value_or(time.wall()));
    CAF_REQUIRE(x.has_value());
    return {x->certificate, x->key, ca.own().certificate};
  }
};

/// A node with a data folder that others read from and write to.
struct file_node {
  explicit file_node(net::file_server_options o = {}) : options(std::move(o)) {
  }

  net::file_server_hooks hooks() {
    return {[this](std::string_view text) { return identity::check_ticket(text, issuer.public_key(), time.wall()); },
            [this](const file_ticket& x, const std::function<void(result<net::file_opener>)>& done) { done(find(x)); },
            [this](const file_ticket& x) -> result<net::upload_place> {
              return net::upload_place{folder / ("tmp/" + x.token.str()), folder / x.path};
            }};
  }

  /// The port.
  uint16_t start() {
    server = std::make_unique<net::file_server>(options, hooks(), disk, threads);
    auto started = server->start();
    if (!started)
      CAF_FAIL(started.error().message);
    port = *started;
    return port;
  }

  file_ticket ticket(file_action action, const std::string& path, const std::string& node = {}) {
    file_ticket x;
    x.action = action;
    x.root = "data";
    x.path = path;
    x.node = node;
    x.token = *lease_token::parse("01hf0000000000000000000001-1-1");
    x.expires = time.wall() + milliseconds{600'000};
    x.most_bytes = action == file_action::read ? 0 : 1ull << 32;
    if (auto version = disk->version_of(folder / path); version && action == file_action::read) {
      x.content = version->str();
      x.size = version->size;
    } else {
      x.content = "1-1-1";
    }
    return x;
  }
  std::string path(const file_ticket& x) {
    auto text = issuer.issue(x);
    if (!text)
      CAF_FAIL(text.error().message);
    return "/files/" + *text;
  }
  std::string url(const file_ticket& x, uint16_t at = 0) {
    return (options.papers.empty() ? "http" : "https") + std::string{"://127.0.0.1:"}
           + std::to_string(at == 0 ? port : at) + path(x);
  }
  /// Everything below the folder, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (auto& x : fs::recursive_directory_iterator{folder.path})
      if (x.is_regular_file())
        out.push_back(x.path().lexically_relative(folder.path));
    std::sort(out.begin(), out.end());
    return out;
  }

  temporary_folder folder{in_memory()};
  std::shared_ptr<host::files> disk = std::make_shared<host::files>();
  std::shared_ptr<host::root_threads> threads = std::make_shared<host::root_threads>();
  system_clocks time;
  identity::ticket_issuer issuer = *identity::ticket_issuer::create();
  net::file_server_options options;
  /// How a file is opened, to be exchanged by tests.
  std::function<net::file_opener(const file_ticket&)> find = [this](const file_ticket& x) -> net::file_opener {
    return [disk = disk, path = folder / x.path] { return disk->open_source(path); };
  };
  std::unique_ptr<net::file_server> server;
  uint16_t port = 0;
};

/// The client of a node, and what it fetches into.
struct file_client {
  explicit file_client(net::peer_papers papers = {}) : peer(net::make_peer_files(std::move(papers), time)) {
  }

  std::future<ports::peer_files::fetched> begin_fetch(const std::string& url, uint64_t offset, uint64_t length,
                                                      std::shared_ptr<ports::transfer>* handle = nullptr) {
    return begin_fetch(url, std::vector{byte_span{offset, offset + length}}, handle);
  }
  std::future<ports::peer_files::fetched> begin_fetch(const std::string& url, std::vector<byte_span> ranges,
                                                      std::shared_ptr<ports::transfer>* handle = nullptr) {
    auto promise = std::make_shared<std::promise<ports::peer_files::fetched>>();
    ports::range_fetch what{url, std::move(ranges), target.get()};
    what.connect_timeout = connect_timeout;
    what.stall_timeout = stall_timeout;
    auto x = peer->fetch(
      what, [this](uint64_t n) { moved = n; }, [promise](ports::peer_files::fetched y) { promise->set_value(y); });
    if (handle)
      *handle = x;
    return promise->get_future();
  }
  ports::peer_files::fetched fetch(const std::string& url, uint64_t offset, uint64_t length) {
    auto x = begin_fetch(url, offset, length).get();
    CAF_CHECK_EQUAL(x.bytes, x.failure.code == errc::none ? length : 0);
    return x;
  }
  errc fetch_code(const std::string& url, uint64_t offset, uint64_t length) {
    return fetch(url, offset, length).failure.code;
  }
  std::string fetched(uint64_t offset, uint64_t length) {
    std::string out(length, '\0');
    auto n = ::pread(target.get(), out.data(), length, static_cast<off_t>(offset));
    out.resize(n < 0 ? 0 : static_cast<size_t>(n));
    return out;
  }

  result<void> push(const std::string& url, const std::string& file) {
    unique_fd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
    CAF_REQUIRE(fd);
    std::promise<result<void>> promise;
    ports::file_push what{url, fd.get(), fs::file_size(file)};
    what.connect_timeout = connect_timeout;
    what.stall_timeout = stall_timeout;
    peer->push(
      what, [this](uint64_t n) { moved = n; }, [&](result<void> x) { promise.set_value(std::move(x)); });
    return promise.get_future().get();
  }
  result<void> publish(const std::string& url) {
    std::promise<result<void>> promise;
    peer->publish_folder(url, [&](result<void> x) { promise.set_value(std::move(x)); });
    return promise.get_future().get();
  }

  system_clocks time;
  temporary_folder folder{in_memory()};
  unique_fd target{::open((folder / "target").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  std::atomic<uint64_t> moved{0};
  milliseconds connect_timeout{20'000};
  milliseconds stall_timeout{20'000};
  /// Last: its thread uses the rest.
  std::unique_ptr<ports::peer_files> peer;
};

inline errc code_of(const result<void>& x) {
  return x ? errc::none : x.error().code;
}

} // namespace troupe::test
