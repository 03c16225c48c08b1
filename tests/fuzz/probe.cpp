// libFuzzer's entry: any bytes as a file that is probed.

#include "media/operations.hpp"
#include "tests/fuzz/source_file.hpp"

#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fuzz::source_file source;
  source.hold(data, size);
  std::vector<troupe::media::owned_fd> descriptors;
  descriptors.emplace_back(::dup(source.fd()));
  troupe::exec::request request;
  request.name_hint = source.name_hint();
  // An answer or a failure; anything else is a finding.
  static_cast<void>(troupe::media::run_operation(request, descriptors, fuzz::surroundings()));
  return 0;
}
