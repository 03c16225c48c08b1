#include "actors/media/remote_source.hpp"

#include "actors/media/shared_source.hpp"

#include <system_error>

namespace troupe::work {

remote_source::remote_source(std::shared_ptr<shared_source> from, address_source address, std::string name,
                             wait_listener waits) :
  from_(std::move(from)),
  holder_(from_->hold(std::move(address), std::move(waits))), name_(std::move(name)) {
}

remote_source::~remote_source() {
  from_->release(holder_);
}

result<operation_file> remote_source::file(uint64_t expected) {
  auto fd = from_->file()->open_for_reading();
  if (!fd)
    return std::move(fd).error();
  return operation_file{std::make_shared<const unique_fd>(std::move(*fd)), from_->read(holder_, expected)};
}

result<void> remote_source::check_kept() {
  auto& file = *from_->file();
  // What could not be written down, and is not lost, is fetched again one day.
  (void)file.sync();
  return file.lost() ? result<void>{not_kept(name_)} : result<void>{};
}

remote_sources::remote_sources(std::shared_ptr<ports::source_cache> cache, std::shared_ptr<ports::peer_files> peers,
                               const clock& clk, std::function<uint64_t()> random, remote_settings how) :
  cache_(std::move(cache)),
  peers_(std::move(peers)), clock_(clk), random_(std::move(random)), how_(how) {
}

result<std::unique_ptr<remote_source>> remote_sources::open(const remote_file& what, address_source address,
                                                            wait_listener waits) {
  std::lock_guard guard{mutex_};
  std::erase_if(open_, [](auto& entry) { return entry.second.expired(); });
  auto& known = open_[what.key];
  auto shared = known.lock();
  // Those who read what is lost go on until they find out.
  if (!shared || shared->file()->lost()) {
    auto file = cache_->open(what.key, what.size);
    if (!file)
      return std::move(file).error();
    try {
      shared = std::make_shared<shared_source>(what, std::move(*file),
                                               shared_source::parts{cache_, peers_, &clock_, random_, how_});
    } catch (const std::system_error&) {
      return {errc::unavailable, what.name + ": no thread is left to fetch it with; raise the limit of processes"};
    }
    known = shared;
  }
  return std::make_unique<remote_source>(std::move(shared), std::move(address), what.name, std::move(waits));
}

} // namespace troupe::work
