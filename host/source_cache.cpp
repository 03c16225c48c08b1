#include "host/source_cache.hpp"

#include "host/cache_folder.hpp"

namespace troupe::host {

namespace {

class folder_cache final : public ports::source_cache {
public:
  explicit folder_cache(std::shared_ptr<cache_folder> folder) : folder_(std::move(folder)) {
  }
  result<std::shared_ptr<ports::cached_source>> open(const std::string& key, uint64_t size) override {
    return folder_->told(folder_->open(key, size));
  }
  result<void> make_room(uint64_t bytes) override {
    return folder_->told(folder_->make_room(bytes));
  }
  result<void> disk_full(uint64_t bytes) override {
    return folder_->told(folder_->disk_full(bytes));
  }
  void drop(const std::string& key) override {
    folder_->drop(key);
  }

private:
  std::shared_ptr<cache_folder> folder_;
};

} // namespace

result<std::unique_ptr<ports::source_cache>> open_source_cache(source_cache_options options) {
  auto folder = std::make_shared<cache_folder>(std::move(options));
  TROUPE_TRY(folder->load());
  return std::unique_ptr<ports::source_cache>{std::make_unique<folder_cache>(std::move(folder))};
}

} // namespace troupe::host
