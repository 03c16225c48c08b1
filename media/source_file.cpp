#include "media/source_file.hpp"

#include "media/faults.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace troupe::media {

result<int64_t> source_file::size() const {
  struct stat st {};
  if (::fstat(fd_, &st) != 0)
    return system_error(errno, "the source can't be examined");
  return int64_t{st.st_size};
}

result<size_t> source_file::read(void* out, size_t size, int64_t offset) const {
  if (missing_) {
    auto there = missing_->provide(static_cast<uint64_t>(offset), size);
    if (!there || *there == 0)
      return there;
    size = *there;
  }
  ssize_t n = 0;
  do
    n = ::pread(fd_, out, size, offset);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return system_error(errno, "the source can't be read");
  return static_cast<size_t>(n);
}

} // namespace troupe::media
