#include "media/operations.hpp"

#include "media/chunk_encode.hpp"
#include "media/chunk_plan.hpp"
#include "media/hardware_encoders.hpp"
#include "media/hls.hpp"
#include "media/join.hpp"
#include "media/log_capture.hpp"
#include "media/probe.hpp"
#include "media/storyboard.hpp"
#include "media/thumbnail.hpp"
#include "media/transcode.hpp"
#include "media/verify.hpp"

#include "protocol/model/json.hpp"

#include <exception>
#include <new>

namespace troupe::media {

namespace {

template <class T>
result<std::string> encoded(const result<T>& answer) {
  if (!answer)
    return answer.error();
  using exec::encode;
  using troupe::encode;
  auto body = encode(*answer);
  if (body.size() > exec::max_body_bytes)
    return {errc::bad_media, "what the file says about itself is larger than 4 MiB"};
  return body;
}

size_t descriptors_needed(const exec::request& request) noexcept {
  switch (request.op) {
  case exec::op::thumbnail:
    return 1 + request.pictures.size();
  case exec::op::transcode:
  case exec::op::encode_chunk:
  case exec::op::encode_audio:
    return 2;
  case exec::op::join:
    return 2 + (request.has_audio ? 1 : 0) + request.pieces.size();
  default:
    return 1;
  }
}

/// One that is only partly here has the size of all of it.
result<void> check_source(const exec::request& request, const source_file& source) {
  if (!request.ranged)
    return {};
  if (request.op == exec::op::verify)
    return {errc::protocol, "only a file that is all here can be verified"};
  auto size = source.size();
  if (!size)
    return size.error();
  if (!source.has_holes() || static_cast<uint64_t>(*size) != request.source_size)
    return {errc::protocol, "a source that is only partly here has to have its size of "
                              + std::to_string(request.source_size) + " bytes, not " + std::to_string(*size)};
  return {};
}

result<std::string> dispatch(const exec::request& request, const std::vector<owned_fd>& fds, const task& job) {
  if (fds.size() != descriptors_needed(request))
    return {errc::protocol, "the operation needs " + std::to_string(descriptors_needed(request)) + " descriptors, "
                              + std::to_string(fds.size()) + " came"};
  const source_file source{fds[0].get(), request.ranged ? job.missing : nullptr};
  TROUPE_TRY(check_source(request, source));
  switch (request.op) {
  case exec::op::probe:
    return encoded(probe(source, request.name_hint, job));
  case exec::op::thumbnail: {
    std::vector<int> outputs;
    for (size_t i = 1; i < fds.size(); ++i)
      outputs.push_back(fds[i].get());
    return encoded(thumbnail(source, request.name_hint, request.pictures, outputs, job));
  }
  case exec::op::transcode:
    return encoded(transcode(source, fds[1].get(), request, job));
  case exec::op::hls:
    return encoded(hls(source, request, job));
  case exec::op::verify:
    return encoded(verify(fds[0].get(), request, job));
  case exec::op::storyboard:
    return encoded(storyboard(source, request.name_hint, request.storyboard, job));
  case exec::op::plan_chunks:
    return encoded(plan_chunks(source, request, job));
  case exec::op::encode_chunk: {
    // Pieces fit together when one kind of encoder made them, and a graphics card is not on every machine.
    auto software = request;
    software.profile.hardware = false;
    return encoded(encode_chunk(source, fds[1].get(), software, job));
  }
  case exec::op::encode_audio:
    return encoded(encode_audio(source, fds[1].get(), request, job));
  case exec::op::join: {
    std::vector<int> pieces;
    for (size_t i = request.has_audio ? 3 : 2; i < fds.size(); ++i)
      pieces.push_back(fds[i].get());
    return encoded(join(source, fds[1].get(), request.has_audio ? fds[2].get() : -1, pieces, request, job));
  }
  }
  return {errc::protocol, "unknown operation"};
}

} // namespace

result<std::string> run_operation(const exec::request& request, const std::vector<owned_fd>& descriptors,
                                  const task& job) noexcept {
  try {
    log_capture::clear();
    // Of an operation that nobody asked.
    (void)withdrawn_hardware_encoder();
    return dispatch(request, descriptors, job);
  } catch (const std::bad_alloc&) {
    return {errc::unavailable, "not enough memory for this file; raise the executor's memory limit"};
  } catch (const std::exception& e) {
    return {errc::internal, std::string("the operation failed: ") + e.what()};
  }
}

} // namespace troupe::media
