#include "tests/support/executor_channel.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace troupe::test {

namespace {

/// Exactly `size` bytes; descriptors that come along are appended.
bool receive_bytes(void* data, size_t size, std::vector<int>& descriptors) {
  auto* at = static_cast<char*>(data);
  while (size > 0) {
    iovec part{at, size};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * exec::max_descriptors)> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto n = ::recvmsg(exec::channel_descriptor, &message, MSG_CMSG_CLOEXEC);
    if (n <= 0)
      return false;
    if (auto* head = CMSG_FIRSTHDR(&message); head != nullptr && head->cmsg_type == SCM_RIGHTS) {
      std::vector<int> came((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      std::memcpy(came.data(), CMSG_DATA(head), came.size() * sizeof(int));
      descriptors.insert(descriptors.end(), came.begin(), came.end());
    }
    at += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

} // namespace

void send_bytes(const void* data, size_t size) {
  const auto* at = static_cast<const char*>(data);
  while (size > 0) {
    auto n = ::send(exec::channel_descriptor, at, size, MSG_NOSIGNAL);
    if (n <= 0)
      ::_exit(9);
    at += n;
    size -= static_cast<size_t>(n);
  }
}

void send_frame(exec::frame_type type, uint64_t operation, const std::string& body) {
  exec::frame_header header{static_cast<uint32_t>(body.size()), static_cast<uint16_t>(type), 0, operation};
  std::string all(reinterpret_cast<const char*>(&header), sizeof header);
  all += body;
  send_bytes(all.data(), all.size());
}

bool receive(received& out) {
  exec::frame_header header;
  out.descriptors.clear();
  if (!receive_bytes(&header, sizeof header, out.descriptors))
    return false;
  out.type = static_cast<exec::frame_type>(header.type);
  out.operation = header.operation;
  out.body.resize(header.length);
  return receive_bytes(out.body.data(), out.body.size(), out.descriptors);
}

} // namespace troupe::test
