// Files on their way out.

#include "net/file_connection.hpp"
#include "net/multipart_ranges.hpp"

#include "protocol/model/ids.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace troupe::net {

namespace {

/// A connection holds two of them: one on its way out, one that is being read.
constexpr size_t block_size = 256 * 1024;
/// "00040000\r\n" before and "\r\n" behind (RFC 9112, 7.1).
constexpr size_t chunk_head = 10;
constexpr size_t chunk_end = 2;
constexpr const char* plain_type = "Content-Type: application/octet-stream\r\n";

result<void> read_all(int fd, uint64_t offset, char* to, size_t size) {
  for (size_t have = 0; have < size;) {
    auto n = ::pread(fd, to + have, size - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return {errc::io, "the file can't be read, or is shorter than it was"};
    have += static_cast<size_t>(n);
  }
  return {};
}

/// Puts the frame of a chunk around the `size` bytes in the middle.
std::string_view framed(std::vector<char>& chunk, size_t size) {
  char head[chunk_head + 1];
  std::snprintf(head, sizeof head, "%08zx\r\n", size);
  std::copy_n(head, chunk_head, chunk.data());
  std::copy_n("\r\n", chunk_end, chunk.data() + chunk_head + size);
  return {chunk.data(), chunk_head + size + chunk_end};
}

std::string content_range(const byte_range& r, uint64_t size) {
  return "bytes " + std::to_string(r.first) + "-" + std::to_string(r.first + r.length - 1) + "/" + std::to_string(size);
}

result<void> check_unchanged(const ports::opened_file& file) {
  struct stat now {};
  if (::fstat(file.fd.get(), &now) != 0)
    return {errc::io, "the file can't be looked at"};
  auto changed = static_cast<int64_t>(now.st_mtim.tv_sec) * 1'000'000'000 + now.st_mtim.tv_nsec;
  if (static_cast<uint64_t>(now.st_size) != file.version.size || changed != file.version.mtime_ns)
    return {errc::conflict, "the file has changed while it was sent"};
  return {};
}

} // namespace

asio::awaitable<result<void>> file_connection::serve_read() {
  ports::opened_file file;
  std::function<result<void>()> open = [&]() -> result<void> {
    auto x = core_.hooks.open(*ticket_);
    if (!x)
      return std::move(x).error();
    if (!core_.hooks.fits(*ticket_, x->version))
      return {errc::conflict, "the file is another one than the address was made for; ask for a new address"};
    file = std::move(*x);
    return {};
  };
  auto opened = co_await on_file_thread(open);
  if (!opened)
    co_return opened;
  const auto size = file.version.size;
  std::vector<body_part> parts;
  answer head;
  head.status = 200;
  head.headers = "Accept-Ranges: bytes\r\nETag: \"" + ticket_->content + "\"\r\n";
  auto asked = request_.header("range");
  if (request_.method == verb::head) {
    head.headers += plain_type + ("Content-Length: " + std::to_string(size) + "\r\n");
    auto told = co_await send_answer(head);
    co_return told ? result<void>{} : error{errc::io, "the client is gone"};
  }
  if (asked) {
    auto range = parse_range(*asked, size);
    if (range.what == range_answer::kind::unsatisfiable) {
      refusal_status_ = 416;
      refusal_fields_ = "Content-Range: bytes */" + std::to_string(size) + "\r\n";
      co_return error{errc::conflict, "the file has no such bytes"};
    }
    if (range.what == range_answer::kind::partial) {
      head.status = 206;
      head.headers += describe(range.ranges, size, parts);
    }
  }
  if (parts.empty()) {
    head.headers += plain_type;
    parts.push_back({{}, {0, size}});
  }
  answered_ = true;
  std::string text = head.status == 206 ? "HTTP/1.1 206 Partial Content\r\n" : "HTTP/1.1 200 OK\r\n";
  text +=
    "Cache-Control: no-store\r\n" + head.headers + "Transfer-Encoding: chunked\r\nTrailer: Content-Digest\r\n\r\n";
  auto told = co_await send(text);
  if (!told)
    co_return error{errc::io, "the client is gone"};
  auto sent = co_await send_parts(file, parts);
  co_return sent;
}

std::string file_connection::describe(const std::vector<byte_range>& ranges, uint64_t size,
                                      std::vector<body_part>& parts) {
  if (ranges.size() == 1) {
    parts.push_back({{}, ranges[0]});
    return plain_type + ("Content-Range: " + content_range(ranges[0], size) + "\r\n");
  }
  // No file can know it.
  const auto boundary = "troupe-" + to_string(random_id());
  for (auto& r : ranges)
    parts.push_back({part_head(boundary, r, size), r});
  parts.push_back({parts_end(boundary), {}});
  return "Content-Type: multipart/byteranges; boundary=" + boundary + "\r\n";
}

/// As much of the parts as a block holds, from where the last one ended.
result<void> file_connection::fill(block& to, const ports::opened_file& file, body_position& at, sha256& hash) {
  const auto size = std::min<uint64_t>(block_size, at.left);
  to.bytes.resize(chunk_head + size + chunk_end);
  auto* data = to.bytes.data() + chunk_head;
  to.size = 0;
  while (to.size < size) {
    auto& part = *at.part;
    const auto length = part.text.size() + part.range.length;
    const auto room = size - to.size;
    if (at.done < part.text.size()) {
      const auto n = std::min<uint64_t>(room, part.text.size() - at.done);
      std::copy_n(part.text.data() + at.done, n, data + to.size);
      to.size += n;
      at.done += n;
    } else if (const auto n = std::min<uint64_t>(room, length - at.done); n > 0) {
      TROUPE_TRY(read_all(file.fd.get(), part.range.first + (at.done - part.text.size()), data + to.size, n));
      to.size += n;
      at.done += n;
    }
    if (at.done == length) {
      ++at.part;
      at.done = 0;
    }
  }
  at.left -= size;
  hash.add({data, size});
  to.chunk = framed(to.bytes, size);
  return at.left == 0 ? check_unchanged(file) : result<void>{};
}

asio::awaitable<result<void>> file_connection::send_parts(ports::opened_file& file, std::vector<body_part>& parts) {
  sha256 hash;
  block out;
  block in;
  body_position at{parts.begin(), 0, 0};
  for (auto& part : parts)
    at.left += part.text.size() + part.range.length;
  std::function<result<void>()> read = [&]() { return fill(in, file, at, hash); };
  file_work work{core_.context};
  bool reading = at.left > 0;
  if (reading)
    start_work(core_.pool, work, read);
  while (reading) {
    co_await finish_work(work);
    if (!work.outcome)
      co_return std::move(work.outcome);
    std::swap(in, out);
    // The next block is read while this one is on its way.
    reading = at.left > 0;
    if (reading)
      start_work(core_.pool, work, read);
    auto sent = co_await send_paced(out.chunk);
    if (!sent) {
      if (reading)
        co_await finish_work(work);
      co_return error{errc::io, "the client is gone"};
    }
    core_.add_bytes_out(stream_.peer(), out.size);
  }
  auto last = "0\r\nContent-Digest: " + hash.field() + "\r\n\r\n";
  auto sent = co_await send(last);
  co_return sent ? result<void>{} : error{errc::io, "the client is gone"};
}

} // namespace troupe::net
