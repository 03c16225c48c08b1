#include "net/route.hpp"
#include "net/upload_sink.hpp"

namespace troupe::net {

namespace {

result<std::unique_ptr<body_sink>> open_upload(exchange& x) {
  if (x.app().backend.coordinator_away())
    return error{errc::unavailable, "the coordinator can't be reached from this gateway at the moment; send the file "
                                    "again in a while"};
  auto boundary = multipart_boundary(x.req.header("content-type").value_or(""));
  if (!boundary)
    return std::move(boundary).error();
  return std::unique_ptr<body_sink>{std::make_unique<upload_sink>(x.app(), *boundary)};
}

} // namespace

void add_upload_routes(std::vector<route>& out) {
  route upload;
  upload.method = verb::post;
  upload.path = "/api/videos/upload";
  upload.summary = "Upload a video; it is queued for ingest when the answer comes";
  upload.body = body_kind::multipart;
  upload.fields = {{"video", value_type::text, true, "The file"},
                   {"category", value_type::text, false, "Category of the video"}};
  upload.answers = {{200, "Stored, synced and queued"}, {413, "Too large"}, {507, "No space left"}};
  upload.open_body = open_upload;
  upload.lenient = true;
  out.push_back(std::move(upload));
}

} // namespace troupe::net
