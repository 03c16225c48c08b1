#include "media/hash.hpp"

#include <xxhash.h>

#include <cstdio>
#include <new>

namespace troupe::media {

struct hash128::state {
  state() : xxh(XXH3_createState()) {
    if (!xxh)
      throw std::bad_alloc();
    XXH3_128bits_reset(xxh);
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() {
    XXH3_freeState(xxh);
  }

  XXH3_state_t* xxh;
};

hash128::hash128() : state_(std::make_unique<state>()) {
}

hash128::hash128(hash128&&) noexcept = default;
hash128& hash128::operator=(hash128&&) noexcept = default;
hash128::~hash128() = default;

void hash128::add(const void* data, size_t bytes) noexcept {
  XXH3_128bits_update(state_->xxh, data, bytes);
}

std::string hash128::text() const {
  auto digest = XXH3_128bits_digest(state_->xxh);
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(digest.high64),
                static_cast<unsigned long long>(digest.low64));
  return text;
}

void hash128::reset() noexcept {
  XXH3_128bits_reset(state_->xxh);
}

} // namespace troupe::media
