#include "host/frame_channel.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace troupe::host {

namespace {

constexpr size_t read_size = 64 * 1024;
/// So that one talkative child does not starve the others.
constexpr int reads_a_turn = 16;

bool from_executor(uint16_t type) noexcept {
  return type >= static_cast<uint16_t>(exec::frame_type::ready)
         && type <= static_cast<uint16_t>(exec::frame_type::coming);
}

} // namespace

void frame_channel::push(exec::frame what, std::vector<unique_fd> descriptors) {
  exec::frame_header header;
  header.length = static_cast<uint32_t>(what.body.size());
  header.type = static_cast<uint16_t>(what.type);
  header.descriptors = static_cast<uint16_t>(descriptors.size());
  header.operation = what.operation;
  outgoing out;
  out.bytes.reserve(sizeof(header) + what.body.size());
  out.bytes.append(reinterpret_cast<const char*>(&header), sizeof(header));
  out.bytes.append(what.body);
  out.descriptors = std::move(descriptors);
  queue_.push_back(std::move(out));
}

ssize_t frame_channel::send_some(outgoing& what) {
  iovec part{what.bytes.data() + what.sent, what.bytes.size() - what.sent};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * exec::max_descriptors)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (auto count = what.descriptors.size(); count > 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    auto* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * count);
    for (size_t i = 0; i < count; ++i) {
      int fd = what.descriptors[i].get();
      std::memcpy(CMSG_DATA(head) + i * sizeof(int), &fd, sizeof(int));
    }
  }
  return ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

frame_channel::state frame_channel::write() {
  while (!queue_.empty()) {
    auto& first = queue_.front();
    auto n = send_some(first);
    if (n < 0 && errno == EINTR)
      continue;
    // ETOOMANYREFS: too many descriptors of ours are on their way; the peer has to take some first.
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETOOMANYREFS))
      return state::open;
    if (n < 0) {
      queue_.clear();
      return state::closed;
    }
    first.descriptors.clear();
    first.sent += static_cast<size_t>(n);
    if (first.sent == first.bytes.size())
      queue_.pop_front();
  }
  return state::open;
}

bool frame_channel::parse(const std::function<void(exec::frame)>& sink) {
  size_t at = 0;
  while (incoming_.size() - at >= sizeof(exec::frame_header)) {
    exec::frame_header header;
    std::memcpy(&header, incoming_.data() + at, sizeof(header));
    if (header.length > exec::max_body_bytes || header.descriptors != 0 || !from_executor(header.type))
      return false;
    if (incoming_.size() - at - sizeof(header) < header.length)
      break;
    at += sizeof(header);
    sink({static_cast<exec::frame_type>(header.type), header.operation, incoming_.substr(at, header.length)});
    at += header.length;
  }
  incoming_.erase(0, at);
  return true;
}

frame_channel::state frame_channel::read(const std::function<void(exec::frame)>& sink) {
  std::array<char, read_size> buffer;
  for (int turn = 0; turn < reads_a_turn; ++turn) {
    // Without room for control data the kernel drops descriptors that a hostile child sends.
    auto n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno == EAGAIN || errno == EWOULDBLOCK ? state::open : state::closed;
    if (n == 0)
      return state::closed;
    incoming_.append(buffer.data(), static_cast<size_t>(n));
    if (!parse(sink))
      return state::broken;
  }
  return state::open;
}

} // namespace troupe::host
