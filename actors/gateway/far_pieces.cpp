#include "actors/gateway/far_pieces.hpp"

#include "actors/gateway/coordinator_watch.hpp"

#include <algorithm>

namespace troupe::gateway {

void known_file::granted(const far_grant& x, mono_time fresh_until) {
  std::lock_guard guard{mutex_};
  grant_ = x;
  fresh_until_ = fresh_until;
}

std::string known_file::address(const std::string& refused, mono_time now) const {
  std::lock_guard guard{mutex_};
  return now < fresh_until_ && grant_.url != refused ? grant_.url : std::string{};
}

std::string known_file::node() const {
  std::lock_guard guard{mutex_};
  return grant_.node;
}

bool known_file::at_coordinator() const {
  std::lock_guard guard{mutex_};
  return grant_.at_coordinator;
}

far_pieces::far_pieces(far_reader_config config, work::work_threads* threads) :
  config_(std::move(config)), threads_(threads) {
}

void far_pieces::run(std::function<void()> what) {
  std::lock_guard guard{mutex_};
  if (threads_)
    threads_->post(std::move(what));
}

void far_pieces::stop() {
  std::lock_guard guard{mutex_};
  threads_ = nullptr;
}

bool far_pieces::reserve(uint64_t bytes) {
  std::lock_guard guard{mutex_};
  if (bytes > config_.cache_bytes - std::min(config_.cache_bytes, reserved_))
    return false;
  reserved_ += bytes;
  return true;
}

void far_pieces::give_back(uint64_t bytes) {
  std::lock_guard guard{mutex_};
  reserved_ -= bytes;
}

result<std::shared_ptr<work::remote_sources>> far_pieces::sources() {
  std::lock_guard guard{opening_};
  if (!sources_) {
    auto means = config_.open();
    if (!means)
      return std::move(means).error();
    sources_ = std::make_shared<work::remote_sources>(std::move(means->cache), std::move(means->peers), *config_.time,
                                                      config_.random, config_.reading);
  }
  return sources_;
}

result<work::file_address> far_pieces::address(known_file& file, std::string& used, bool begun) const {
  const bool away = config_.away();
  auto known = file.address(used, config_.time->mono());
  // No code that passes: who waits for its first byte is told now, not when it was waited for in vain.
  if (!begun && away && (known.empty() || file.at_coordinator()))
    return error{errc::cancelled, coordinator_watch::refusal().message};
  if (known.empty()) {
    auto fresh = config_.ask(file.place().library, file.place().path);
    if (!fresh)
      return std::move(fresh).error();
    if (!same_content(fresh->version, file.version()))
      return error{errc::conflict, file.place().name + ": the file was changed while it was read"};
    known = fresh->url;
    file.granted(*fresh, config_.time->mono() + config_.address_fresh);
  }
  used = known;
  return work::file_address{known};
}

result<std::unique_ptr<work::remote_source>> far_pieces::open(const std::shared_ptr<known_file>& file, uint64_t piece,
                                                              std::shared_ptr<const std::atomic<bool>> begun) {
  auto from = sources();
  if (!from)
    return std::move(from).error();
  work::remote_file what;
  what.key = file->place().name + "@" + file->version().str() + "#" + std::to_string(piece);
  what.begin = piece * config_.piece_bytes;
  what.size = std::min(config_.piece_bytes, file->version().size - what.begin);
  what.name = file->place().name;
  what.node = file->node();
  return (*from)->open(what, [self = shared_from_this(), file, begun = std::move(begun),
                              used = std::string{}]() mutable { return self->address(*file, used, *begun); });
}

} // namespace troupe::gateway
