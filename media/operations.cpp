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

result<std::string> dispatch(const exec::request& request, const std::vector<owned_fd>& fds, const task& job) {
  if (fds.size() != descriptors_needed(request))
    return {errc::protocol, "the operation needs " + std::to_string(descriptors_needed(request)) + " descriptors, "
                              + std::to_string(fds.size()) + " came"};
  switch (request.op) {
  case exec::op::probe:
    return encoded(probe(fds[0].get(), request.name_hint, job));
  case exec::op::thumbnail: {
    std::vector<int> outputs;
    for (size_t i = 1; i < fds.size(); ++i)
      outputs.push_back(fds[i].get());
    return encoded(thumbnail(fds[0].get(), request.name_hint, request.pictures, outputs, job));
  }
  case exec::op::transcode:
    return encoded(transcode(fds[0].get(), fds[1].get(), request, job));
  case exec::op::hls:
    return encoded(hls(fds[0].get(), request, job));
  case exec::op::verify:
    return encoded(verify(fds[0].get(), request, job));
  case exec::op::storyboard:
    return encoded(storyboard(fds[0].get(), request.name_hint, request.storyboard, job));
  case exec::op::plan_chunks:
    return encoded(plan_chunks(fds[0].get(), request, job));
  case exec::op::encode_chunk: {
    // Pieces fit together when one kind of encoder made them, and a graphics card is not on every machine.
    auto software = request;
    software.profile.hardware = false;
    return encoded(encode_chunk(fds[0].get(), fds[1].get(), software, job));
  }
  case exec::op::encode_audio:
    return encoded(encode_audio(fds[0].get(), fds[1].get(), request, job));
  case exec::op::join: {
    std::vector<int> pieces;
    for (size_t i = request.has_audio ? 3 : 2; i < fds.size(); ++i)
      pieces.push_back(fds[i].get());
    return encoded(join(fds[0].get(), fds[1].get(), request.has_audio ? fds[2].get() : -1, pieces, request, job));
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
