// libFuzzer's entry: any bytes as a file that a thumbnail is made of.

#include "media/operations.hpp"
#include "tests/fuzz/source_file.hpp"

#include <sys/mman.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fuzz::source_file source;
  static const int picture = ::memfd_create("picture", MFD_CLOEXEC);
  source.hold(data, size);
  std::vector<troupe::media::owned_fd> descriptors;
  descriptors.emplace_back(::dup(source.fd()));
  descriptors.emplace_back(::dup(picture));
  troupe::exec::request request;
  request.op = troupe::exec::op::thumbnail;
  request.name_hint = source.name_hint();
  request.pictures = {{160, troupe::exec::picture_format::jpeg}};
  static_cast<void>(troupe::media::run_operation(request, descriptors, fuzz::surroundings()));
  return 0;
}
