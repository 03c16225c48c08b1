// Files on their way out.

#include "net/byte_ranges.hpp"
#include "net/file_connection.hpp"

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

/// The next `size` bytes as a chunk.
result<std::string_view> read_chunk(std::vector<char>& into, int fd, uint64_t offset, size_t size, sha256& hash) {
  into.resize(chunk_head + size + chunk_end);
  auto* data = into.data() + chunk_head;
  for (size_t have = 0; have < size;) {
    auto n = ::pread(fd, data + have, size - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return {errc::io, "the file can't be read, or is shorter than it was"};
    have += static_cast<size_t>(n);
  }
  hash.add({data, size});
  char head[chunk_head + 1];
  std::snprintf(head, sizeof head, "%08zx\r\n", size);
  std::copy_n(head, chunk_head, into.data());
  std::copy_n("\r\n", chunk_end, data + size);
  return std::string_view{into.data(), into.size()};
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
    if (x->version.str() != ticket_->content || x->version.size != ticket_->size)
      return {errc::conflict, "the file is another one than the address was made for; ask for a new address"};
    file = std::move(*x);
    return {};
  };
  auto opened = co_await on_file_thread(open);
  if (!opened)
    co_return opened;
  const auto size = file.version.size;
  byte_range wanted{0, size};
  answer head;
  head.status = 200;
  head.headers =
    "Content-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\nETag: \"" + ticket_->content + "\"\r\n";
  auto asked = request_.header("range");
  if (request_.method == verb::head) {
    head.headers += "Content-Length: " + std::to_string(size) + "\r\n";
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
    // Several at once are nobody's here; all of it is an answer to that, too (RFC 9110, 14.2).
    if (range.what == range_answer::kind::partial && range.ranges.size() == 1) {
      wanted = range.ranges[0];
      head.status = 206;
      head.headers += "Content-Range: bytes " + std::to_string(wanted.first) + "-"
                      + std::to_string(wanted.first + wanted.length - 1) + "/" + std::to_string(size) + "\r\n";
    }
  }
  answered_ = true;
  std::string text = head.status == 206 ? "HTTP/1.1 206 Partial Content\r\n" : "HTTP/1.1 200 OK\r\n";
  text +=
    "Cache-Control: no-store\r\n" + head.headers + "Transfer-Encoding: chunked\r\nTrailer: Content-Digest\r\n\r\n";
  auto told = co_await send(text);
  if (!told)
    co_return error{errc::io, "the client is gone"};
  auto sent = co_await send_range(file, wanted.first, wanted.length);
  co_return sent;
}

asio::awaitable<result<void>> file_connection::send_range(ports::opened_file& file, uint64_t first, uint64_t length) {
  sha256 hash;
  block out;
  block in;
  auto offset = first;
  auto left = length;
  std::function<result<void>()> read = [&]() -> result<void> {
    in.size = std::min<uint64_t>(block_size, left);
    auto chunk = read_chunk(in.bytes, file.fd.get(), offset, in.size, hash);
    if (!chunk)
      return std::move(chunk).error();
    in.chunk = *chunk;
    offset += in.size;
    left -= in.size;
    return left == 0 ? check_unchanged(file) : result<void>{};
  };
  file_work work{core_.context};
  bool reading = left > 0;
  if (reading)
    start_work(core_.pool, work, read);
  while (reading) {
    co_await finish_work(work);
    if (!work.outcome)
      co_return std::move(work.outcome);
    std::swap(in, out);
    // The next block is read while this one is on its way.
    reading = left > 0;
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
