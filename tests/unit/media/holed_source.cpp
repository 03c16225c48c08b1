#include "tests/unit/media/holed_source.hpp"

#include "tests/unit/media/samples.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

using namespace troupe;
using exec::frame_type;

namespace media_test {

namespace {

std::string fresh_name() {
  static int number = 0;
  return scratch("holed-" + std::to_string(++number));
}

} // namespace

holed_source::holed_source(const std::string& whole) :
  whole_(open_source(whole)), size_(std::filesystem::file_size(whole)) {
  const auto path = fresh_name();
  // What is read without having been filled is no film: in a real hole zeros could pass for one.
  std::string wrong(1 << 16, '\xA5');
  writing_ = open_output(path);
  for (uint64_t at = 0; at < size_; at += wrong.size())
    if (::pwrite(writing_.get(), wrong.data(), std::min<uint64_t>(wrong.size(), size_ - at), static_cast<off_t>(at))
        < 0)
      throw std::runtime_error("no room for a source with holes");
  reading_ = open_source(path);
}

void holed_source::fill(uint64_t offset, uint64_t length) {
  std::string bytes(length, '\0');
  if (::pread(whole_.get(), bytes.data(), length, static_cast<off_t>(offset)) != static_cast<ssize_t>(length)
      || ::pwrite(writing_.get(), bytes.data(), length, static_cast<off_t>(offset)) != static_cast<ssize_t>(length))
    throw std::runtime_error("a hole can't be filled");
  auto begin = offset;
  auto end = offset + length;
  auto at = there_.upper_bound(begin);
  if (at != there_.begin() && std::prev(at)->second >= begin)
    --at;
  while (at != there_.end() && at->first <= end) {
    begin = std::min(begin, at->first);
    end = std::max(end, at->second);
    at = there_.erase(at);
  }
  there_[begin] = end;
}

uint64_t holed_source::filled() const noexcept {
  uint64_t sum = 0;
  for (auto& [begin, end] : there_)
    sum += end - begin;
  return sum;
}

void answer_need(executor_client& e, uint64_t operation, holed_source& source, const exec::need_request& need,
                 uint64_t length) {
  length = std::min(std::max(length, need.length), source.size() - need.offset);
  source.fill(need.offset, length);
  e.send(frame_type::have, operation, exec::encode(exec::have_answer{need.id, need.offset, length, std::nullopt}));
}

namespace {

holed_outcome serve(executor_client& e, uint64_t operation,
                    const std::function<void(const exec::need_request&)>& need) {
  holed_outcome out;
  byte_spans told;
  for (;;) {
    auto f = e.receive_answer();
    if (!f)
      throw std::runtime_error("the executor is gone");
    if (f->type == frame_type::need) {
      out.needs.push_back(*exec::decode_need_request(f->body));
      auto& x = out.needs.back();
      out.surprises += !out.coming.empty() && !told.covers({x.offset, x.offset + x.length});
      need(out.needs.back());
    } else if (f->type == frame_type::coming) {
      const auto notice = exec::decode_coming_notice(f->body);
      for (auto& x : notice->spans) {
        out.coming.push_back(x);
        told.add(x);
      }
    } else if (f->type == frame_type::open) {
      auto wish = *exec::decode_open_request(f->body);
      auto file = open_output(out.files[wish.name] = fresh_name());
      e.send(frame_type::opened, operation, exec::encode(exec::open_answer{wish.id, std::nullopt}), {file.get()});
    } else if (f->type == frame_type::done || f->type == frame_type::failed) {
      out.answer = std::move(*f);
      return out;
    }
  }
}

} // namespace

holed_outcome run_holed(executor_client& e, uint64_t operation, exec::request request, holed_source& source,
                        const std::vector<int>& outputs, const need_answerer& answer) {
  request.ranged = true;
  request.source_size = source.size();
  auto fds = outputs;
  fds.insert(fds.begin(), source.fd());
  e.send(frame_type::request, operation, exec::encode(request), fds);
  return serve(e, operation, [&](const exec::need_request& need) {
    answer ? answer(e, operation, source, need) : answer_need(e, operation, source, need);
  });
}

holed_outcome run_plain(executor_client& e, uint64_t operation, const exec::request& request, const std::string& path,
                        const std::vector<int>& outputs) {
  auto source = open_source(path);
  auto fds = outputs;
  fds.insert(fds.begin(), source.get());
  e.send(frame_type::request, operation, exec::encode(request), fds);
  return serve(e, operation, [](const exec::need_request&) {
    throw std::runtime_error("bytes of a file that is all here were asked for");
  });
}

} // namespace media_test
