#include "net/answers.hpp"
#include "net/json_body.hpp"
#include "net/route.hpp"

#include "protocol/model/json_writer.hpp"

namespace troupe::net {

namespace {

bool is_http_url(std::string_view url) {
  auto rest = url.starts_with("https://") ? url.substr(8) : url.starts_with("http://") ? url.substr(7) : "";
  return !rest.empty() && url.find_first_of(" \t\r\n\"<>") == std::string_view::npos && rest.front() != '/';
}

/// The id in the path is the client's name for what it wants, kept in the payload; the URL says where it is.
void download(exchange& x) {
  auto body = json_body::parse(x.req.body);
  if (!body)
    return x.answer_error(body.error());
  auto url = body->text("url", 8192);
  auto quality = body->text("quality", 50);
  auto category = body->text("category", 100);
  if (!body->has("url"))
    body->problem("url", "is missing: say where the video is");
  else if (url && !is_http_url(*url))
    body->problem("url", "must be an http or https URL");
  if (auto verdict = body->verdict(); !verdict)
    return x.answer_error(verdict.error());
  object_writer payload;
  payload.text("url", *url).text("videoId", x.req.path_values.at(0));
  if (quality)
    payload.text("quality", *quality);
  if (category)
    payload.text("category", *category);
  job_spec spec;
  spec.kind = "download";
  spec.payload = std::move(payload).str();
  x.app().backend.submit(std::move(spec), x.context(), then<submit_receipt>(x, [](exchange& self, submit_receipt made) {
                           self.answer(job_response(202, made));
                         }));
}

} // namespace

void add_job_download_routes(std::vector<route>& out) {
  route r;
  r.method = verb::post;
  r.path = "/api/videos/{id}/download";
  r.summary = "Download a video into the downloads library";
  r.parameters = {path_id("The client's name for it")};
  r.body = body_kind::json;
  r.fields = {{"url", value_type::text, true, "http or https"},
              {"quality", value_type::text, false, "Wanted quality"},
              {"category", value_type::text, false, "Category of the video"}};
  r.answers = {{202, "Queued"}};
  r.handle = download;
  r.lenient = true;
  out.push_back(std::move(r));
}

} // namespace troupe::net
