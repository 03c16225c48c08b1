#include "media/executor_channel.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace troupe::media {

namespace {

error broken(std::string what) {
  return {errc::protocol, "the worker broke the executor protocol: " + std::move(what)};
}

bool from_worker(uint16_t type) noexcept {
  return type >= static_cast<uint16_t>(exec::frame_type::request)
         && type <= static_cast<uint16_t>(exec::frame_type::have);
}

void collect(msghdr& message, std::vector<owned_fd>& out) {
  for (auto* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
      continue;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
      out.emplace_back(fd);
    }
  }
}

} // namespace

result<size_t> executor_channel::read_some(void* out, size_t size, std::vector<owned_fd>& descriptors) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * exec::max_descriptors)];
  iovec part{out, size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n = 0;
  do
    n = ::recvmsg(socket_, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    if (errno == ECONNRESET)
      return size_t{0};
    return {errc::io, "the worker's socket can't be read: " + std::generic_category().message(errno)};
  }
  collect(message, descriptors);
  if ((message.msg_flags & MSG_CTRUNC) || descriptors.size() > exec::max_descriptors)
    return broken("more than " + std::to_string(exec::max_descriptors) + " descriptors with one frame");
  return static_cast<size_t>(n);
}

result<bool> executor_channel::read_all(void* out, size_t size, std::vector<owned_fd>& descriptors) {
  auto* p = static_cast<char*>(out);
  size_t done = 0;
  while (done < size) {
    auto n = read_some(p + done, size - done, descriptors);
    if (!n)
      return n.error();
    if (*n == 0) {
      if (done == 0)
        return false;
      return broken("the stream ends inside a frame");
    }
    done += *n;
  }
  return true;
}

result<std::optional<received_frame>> executor_channel::receive() {
  received_frame got;
  exec::frame_header header;
  auto more = read_all(&header, sizeof header, got.descriptors);
  if (!more)
    return more.error();
  if (!*more)
    return std::optional<received_frame>{};
  if (header.length > exec::max_body_bytes)
    return broken("a body of " + std::to_string(header.length) + " bytes is over the limit");
  if (!from_worker(header.type))
    return broken("unknown frame type " + std::to_string(header.type));
  if (header.descriptors != got.descriptors.size())
    return broken(std::to_string(header.descriptors) + " descriptors announced, "
                  + std::to_string(got.descriptors.size()) + " received");
  got.frame.type = static_cast<exec::frame_type>(header.type);
  got.frame.operation = header.operation;
  got.frame.body.resize(header.length);
  if (header.length > 0) {
    auto whole = read_all(got.frame.body.data(), header.length, got.descriptors);
    if (!whole)
      return whole.error();
    if (!*whole)
      return broken("the stream ends inside a frame");
    if (header.descriptors != got.descriptors.size())
      return broken("descriptors inside a body");
  }
  return std::optional<received_frame>{std::move(got)};
}

void executor_channel::send(exec::frame_type type, uint64_t operation, std::string body) {
  exec::frame_header header;
  header.length = static_cast<uint32_t>(body.size());
  header.type = static_cast<uint16_t>(type);
  header.operation = operation;
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += body;
  std::lock_guard lock(sending_);
  for (size_t done = 0; done < bytes.size();) {
    auto n = ::send(socket_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return;
    done += static_cast<size_t>(n);
  }
}

} // namespace troupe::media
