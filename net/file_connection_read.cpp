// Files on their way out.

#include "net/byte_ranges.hpp"
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

/// Of an open file, what a write to it changes. Its content goes by size and time of the last write (file_version), as
/// everywhere; but who writes may put that time back (rsync, cp -p), and can't put back the time of the last change of
/// the status. So while an answer is sent that has to stay, too. Only so long: chmod, link and rename change it as
/// well, and cost the client a repetition of this answer, not the file.
struct file_state {
  uint64_t size = 0;
  int64_t written = 0;
  int64_t changed = 0;

  bool operator==(const file_state&) const = default;
};

result<file_state> state_of(int fd) {
  struct stat x {};
  if (::fstat(fd, &x) != 0)
    return {errc::io, "the file can't be looked at"};
  auto ns = [](const timespec& t) { return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec; };
  return file_state{static_cast<uint64_t>(x.st_size), ns(x.st_mtim), ns(x.st_ctim)};
}

/// Bytes of a file, behind a text of our own (multipart/byteranges).
struct body_part {
  std::string text;
  byte_range range;
};

/// A piece of an answer's body on its way out.
struct block {
  /// Room for a chunk's head, the bytes, and its end.
  std::vector<char> bytes;
  std::string_view chunk;
  uint64_t size = 0;
};

/// The fields of an answer with these ranges, and its body.
std::string describe(const std::vector<byte_range>& ranges, uint64_t size, std::vector<body_part>& parts) {
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

} // namespace

/// A file on its way out. Used by one at a time: a thread of its root, or the I/O thread.
struct file_connection::reading {
  ports::opened_file file;
  file_state as_opened;
  std::vector<body_part> parts;
  /// How far it was read: which part, of its text and bytes, and what is left of all.
  size_t part = 0;
  uint64_t done = 0;
  uint64_t left = 0;
  sha256 hash;
  /// What was read last.
  block in;

  bool is_open() const noexcept {
    return static_cast<bool>(file.fd);
  }
  result<void> open(const file_opener& opener, const file_ticket& ticket,
                    const decltype(file_server_hooks::fits)& fits);
  /// As much of the parts as a block holds, from where the last one ended.
  result<void> fill();
  result<void> check_unchanged() const;
};

result<void> file_connection::reading::open(const file_opener& opener, const file_ticket& ticket,
                                            const decltype(file_server_hooks::fits)& fits) {
  auto x = opener();
  if (!x)
    return std::move(x).error();
  auto now = state_of(x->fd.get());
  if (!now)
    return std::move(now).error();
  if (!fits(ticket, x->version) || now->size != x->version.size || now->written != x->version.mtime_ns)
    return {errc::conflict, "the file is another one than the address was made for; ask for a new address"};
  file = std::move(*x);
  as_opened = *now;
  return {};
}

result<void> file_connection::reading::fill() {
  const auto size = std::min<uint64_t>(block_size, left);
  in.bytes.resize(chunk_head + size + chunk_end);
  auto* data = in.bytes.data() + chunk_head;
  in.size = 0;
  while (in.size < size) {
    auto& now = parts[part];
    const auto length = now.text.size() + now.range.length;
    const auto room = size - in.size;
    if (done < now.text.size()) {
      const auto n = std::min<uint64_t>(room, now.text.size() - done);
      std::copy_n(now.text.data() + done, n, data + in.size);
      in.size += n;
      done += n;
    } else if (const auto n = std::min<uint64_t>(room, length - done); n > 0) {
      TROUPE_TRY(read_all(file.fd.get(), now.range.first + (done - now.text.size()), data + in.size, n));
      in.size += n;
      done += n;
    }
    if (done == length) {
      ++part;
      done = 0;
    }
  }
  left -= size;
  hash.add({data, size});
  in.chunk = framed(in.bytes, size);
  return left == 0 ? check_unchanged() : result<void>{};
}

result<void> file_connection::reading::check_unchanged() const {
  auto now = state_of(file.fd.get());
  if (!now)
    return std::move(now).error();
  return *now == as_opened ? result<void>{}
                           : result<void>{errc::conflict, "the file was touched while it was sent: ask again"};
}

asio::awaitable<result<void>> file_connection::open(const std::shared_ptr<reading>& from) {
  auto where = std::make_shared<question<file_opener>>();
  core_.hooks.find(*ticket_, answering(where));
  auto found = co_await wait_for(where->answered, steady::now() + core_.options.disk_deadline);
  if (!found)
    co_return no_answer("nobody says where it is");
  if (!where->outcome)
    co_return std::move(where->outcome).error();
  disk_task task = [from, opener = std::move(*where->outcome), ticket = *ticket_, fits = core_.hooks.fits] {
    return from->open(opener, ticket, fits);
  };
  auto outcome = co_await on_disk(step::first, task);
  co_return outcome;
}

asio::awaitable<result<void>> file_connection::serve_read() {
  auto from = shared_at_root<reading>();
  auto opened = co_await open(from);
  if (!opened)
    co_return opened;
  const auto size = from->file.version.size;
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
      head.headers += describe(range.ranges, size, from->parts);
    }
  }
  if (from->parts.empty()) {
    head.headers += plain_type;
    from->parts.push_back({{}, {0, size}});
  }
  answered_ = true;
  std::string text = head.status == 206 ? "HTTP/1.1 206 Partial Content\r\n" : "HTTP/1.1 200 OK\r\n";
  text +=
    "Cache-Control: no-store\r\n" + head.headers + "Transfer-Encoding: chunked\r\nTrailer: Content-Digest\r\n\r\n";
  auto told = co_await send(text);
  if (!told)
    co_return error{errc::io, "the client is gone"};
  auto sent = co_await send_parts(from);
  co_return sent;
}

asio::awaitable<result<void>> file_connection::send_parts(const std::shared_ptr<reading>& from) {
  block out;
  for (auto& part : from->parts)
    from->left += part.text.size() + part.range.length;
  disk_task read = [from] { return from->fill(); };
  result<std::shared_ptr<file_work>> work{nullptr};
  bool more = from->left > 0;
  if (more)
    work = start_work(step::next, ticket_->root, read);
  while (more) {
    if (!work)
      co_return std::move(work).error();
    auto filled = co_await finish_work(*work);
    if (!filled)
      co_return filled;
    std::swap(from->in, out);
    // The next block is read while this one is on its way.
    more = from->left > 0;
    if (more)
      work = start_work(step::next, ticket_->root, read);
    auto sent = co_await send_paced(out.chunk);
    if (!sent)
      co_return error{errc::io, "the client is gone"};
    core_.add_bytes_out(stream_.peer(), out.size);
  }
  auto last = "0\r\nContent-Digest: " + from->hash.field() + "\r\n\r\n";
  auto sent = co_await send(last);
  co_return sent ? result<void>{} : error{errc::io, "the client is gone"};
}

} // namespace troupe::net
