#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace troupe::media {

/// XXH3, 128 bits: finds what was changed by chance, not by an enemy. One thread.
class hash128 {
public:
  hash128();
  hash128(hash128&&) noexcept;
  hash128& operator=(hash128&&) noexcept;
  ~hash128();

  void add(const void* data, size_t bytes) noexcept;
  /// Of all since the start or the last reset: 32 digits of base 16.
  std::string text() const;
  void reset() noexcept;

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace troupe::media
