#include "tests/unit/media/executor_client.hpp"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <thread>

using namespace troupe;

namespace media_test {

namespace {

std::string program() {
  if (auto* set = std::getenv("TROUPE_EXECUTOR"))
    return set;
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "bin/troupe-executor";
}

bool read_all(int fd, void* out, size_t size, int seconds) {
  auto* p = static_cast<char*>(out);
  while (size > 0) {
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, seconds * 1000) == 0)
      throw std::runtime_error("the executor is silent");
    auto n = ::recv(fd, p, size, 0);
    if (n <= 0)
      return false;
    p += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

} // namespace

std::string beside_tests(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

executor_client::executor_client(std::vector<std::string> wrapper, std::vector<std::string> arguments) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    throw std::runtime_error("socketpair failed");
  socket_ = media::owned_fd{pair[0]};
  media::owned_fd theirs{pair[1]};
  auto command = std::move(wrapper);
  command.push_back(program());
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& a : command)
    argv.push_back(a.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), exec::channel_descriptor);
  int code = ::posix_spawn(&pid_, command.front().c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0)
    throw std::runtime_error("can't start " + command.front() + ": build troupe-executor first");
}

executor_client::~executor_client() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

void executor_client::send(exec::frame_type type, uint64_t operation, const std::string& body,
                           const std::vector<int>& descriptors) {
  exec::frame_header header{static_cast<uint32_t>(body.size()), static_cast<uint16_t>(type),
                            static_cast<uint16_t>(descriptors.size()), operation};
  std::string bytes(reinterpret_cast<char*>(&header), sizeof header);
  bytes += body;
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  std::string control(CMSG_SPACE(sizeof(int) * descriptors.size()), '\0');
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(c), descriptors.data(), sizeof(int) * descriptors.size());
  }
  if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("the executor does not take the frame");
}

void executor_client::send_raw(const std::string& bytes) {
  if (::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0)
    throw std::runtime_error("the executor does not take the bytes");
}

std::optional<exec::frame> executor_client::receive(int seconds) {
  exec::frame_header header;
  if (!read_all(socket_.get(), &header, sizeof header, seconds))
    return std::nullopt;
  exec::frame f{static_cast<exec::frame_type>(header.type), header.operation, std::string(header.length, '\0')};
  if (!read_all(socket_.get(), f.body.data(), header.length, seconds))
    return std::nullopt;
  return f;
}

std::optional<exec::frame> executor_client::receive_answer(int seconds) {
  for (;;) {
    auto f = receive(seconds);
    if (!f || f->type != exec::frame_type::log)
      return f;
    log_.push_back(f->body);
  }
}

int executor_client::wait(int milliseconds) {
  for (int waited = 0; waited <= milliseconds; waited += 10) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  throw std::runtime_error("the executor still runs");
}

} // namespace media_test
