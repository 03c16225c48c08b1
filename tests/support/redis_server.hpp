#pragma once

// A real redis-server on a private port of loopback, in a temporary folder.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace troupe::test {

inline uint16_t free_port() {
  auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(a);
  auto ok = ::bind(fd, reinterpret_cast<sockaddr*>(&a), size) == 0
            && ::getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0;
  ::close(fd);
  if (!ok)
    throw std::runtime_error{"no free port"};
  return ntohs(a.sin_port);
}

/// TROUPE_TEST_REDIS_SERVER names the program; otherwise redis-server of the PATH. It is an error when there is none.
class redis_server {
public:
  explicit redis_server(std::string password = {}) : password_(std::move(password)), port_(free_port()) {
    char name[] = "/tmp/troupe-redis-XXXXXX";
    if (!::mkdtemp(name))
      throw std::runtime_error{"no temporary folder"};
    folder_ = name;
    start();
  }
  redis_server(const redis_server&) = delete;
  redis_server& operator=(const redis_server&) = delete;

  ~redis_server() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  /// Returns when it accepts connections.
  void start() {
    auto* chosen = std::getenv("TROUPE_TEST_REDIS_SERVER");
    std::string program = chosen ? chosen : "redis-server";
    std::vector<std::string> words{
      program,  "--port", std::to_string(port_), "--bind", "127.0.0.1", "--dir",         folder_,
      "--save", "",       "--appendonly",        "no",     "--logfile", folder_ + "/log"};
    if (!password_.empty())
      words.insert(words.end(), {"--requirepass", password_});
    std::vector<char*> argv;
    for (auto& w : words)
      argv.push_back(w.data());
    argv.push_back(nullptr);
    if (auto code = ::posix_spawnp(&pid_, program.c_str(), nullptr, nullptr, argv.data(), environ); code != 0) {
      pid_ = 0;
      throw std::runtime_error{program + " can't be started (" + std::strerror(code)
                               + "): install the Debian package redis-server or set TROUPE_TEST_REDIS_SERVER"};
    }
    for (int i = 0; i < 500; ++i) {
      if (accepts())
        return;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    throw std::runtime_error{program + " does not answer"};
  }

  /// As a crash does.
  void kill() {
    if (pid_ == 0)
      return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  void pause() const {
    ::kill(pid_, SIGSTOP);
  }
  void go_on() const {
    ::kill(pid_, SIGCONT);
  }

  uint16_t port() const {
    return port_;
  }

private:
  bool accepts() const {
    auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port_);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto ok = ::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof(a)) == 0;
    ::close(fd);
    return ok;
  }

  std::string password_;
  uint16_t port_;
  std::string folder_;
  pid_t pid_ = 0;
};

} // namespace troupe::test
