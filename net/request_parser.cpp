#include "net/request_parser.hpp"

#include "net/headers.hpp"
#include "net/url.hpp"

#include <boost/beast/http/basic_parser.hpp>

namespace troupe::net {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

namespace {

std::string_view view(string_view x) {
  return {x.data(), x.size()};
}

class parser final : public http::basic_parser<true> {
public:
  parser(request_parser::limits l) : limits_(l) {
    header_limit(l.header_bytes);
    body_limit(boost::none);
    eager(false);
  }

  request* out = nullptr;
  std::vector<std::string_view>* pieces = nullptr;
  std::optional<parse_failure> failure;

private:
  void refuse(int status, std::string_view reason, error_code& ec) {
    failure = parse_failure{status, reason};
    ec = http::error::bad_value;
  }

  void on_request_impl(http::verb, string_view method, string_view target, int version, error_code& ec) override {
    out->method = verb_from(view(method));
    out->version = version;
    out->target.assign(target.data(), target.size());
    if (version != 10 && version != 11)
      refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here", ec);
  }

  void on_field_impl(http::field, string_view name, string_view value, error_code& ec) override {
    if (out->headers.size() >= limits_.header_count)
      return refuse(431, "the request has too many header fields", ec);
    // Lower-cased in place: the bytes are the caller's buffer.
    auto first = const_cast<char*>(name.data());
    for (auto c = first; c != first + name.size(); ++c)
      if (*c >= 'A' && *c <= 'Z')
        *c = static_cast<char>(*c + 32);
    auto lower = view(name);
    // Obsolete line folding comes out of a buffer of the parser's own that does not last.
    if (value.size() > 0 && folded(value))
      return refuse(400, "a header field is folded over several lines", ec);
    out->headers.emplace_back(lower, view(value));
    if (lower == "host" && ++hosts_ > 1)
      return refuse(400, "the request has more than one Host", ec);
    if (lower == "content-length" && ++lengths_ > 1)
      return refuse(400, "the request has more than one Content-Length", ec);
    if (lower == "transfer-encoding" && ++codings_ > 1)
      return refuse(400, "the request has more than one Transfer-Encoding", ec);
    if (lengths_ > 0 && codings_ > 0)
      return refuse(400, "the request has both Content-Length and Transfer-Encoding", ec);
  }

  bool folded(string_view value) const {
    return std::less<>{}(value.data(), input_.data()) || std::less<>{}(input_.data() + input_.size(), value.data());
  }

  void on_header_impl(error_code& ec) override {
    auto coding = out->header("transfer-encoding");
    if (coding && out->version == 10)
      return refuse(400, "HTTP/1.0 has no Transfer-Encoding", ec);
    if (coding && !equals_ignoring_case(*coding, "chunked"))
      return refuse(501, "the only Transfer-Encoding known here is chunked", ec);
    if (auto length = out->header("content-length"); length && length->find_first_not_of("0123456789") != length->npos)
      return refuse(400, "Content-Length is not a number", ec);
    if (out->version == 11 && hosts_ == 0)
      return refuse(400, "the request has no Host", ec);
    if (!split_target(*out))
      return refuse(400, "the request target is malformed", ec);
    out->keep_alive = keep_alive();
    out->upgrade = upgrade();
    out->content_length = 0;
    if (chunked())
      out->content_length.reset();
    else if (auto length = content_length())
      out->content_length = *length;
  }

  void on_response_impl(int, string_view, int, error_code&) override {
  }
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {
  }
  std::size_t on_body_impl(string_view body, error_code&) override {
    pieces->push_back(view(body));
    return body.size();
  }
  void on_chunk_header_impl(uint64_t, string_view, error_code&) override {
  }
  std::size_t on_chunk_body_impl(uint64_t, string_view body, error_code&) override {
    if (!body.empty())
      pieces->push_back(view(body));
    return body.size();
  }
  void on_finish_impl(error_code&) override {
  }

public:
  void input(std::string_view data) {
    input_ = data;
  }

private:
  request_parser::limits limits_;
  std::string_view input_;
  int hosts_ = 0;
  int lengths_ = 0;
  int codings_ = 0;
};

parse_failure failure_of(const error_code& ec) {
  if (ec == http::error::header_limit)
    return {431, "the header is larger than the limit"};
  if (ec == http::error::bad_version)
    return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  if (ec == http::error::bad_content_length || ec == http::error::multiple_content_length)
    return {400, "Content-Length is malformed"};
  if (ec == http::error::bad_transfer_encoding)
    return {400, "Transfer-Encoding is malformed"};
  if (ec == http::error::bad_chunk || ec == http::error::bad_chunk_extension)
    return {400, "the chunked body is malformed"};
  return {400, "the request is not valid HTTP/1.1"};
}

} // namespace

class request_parser::impl {
public:
  explicit impl(limits l) : settings(l) {
    current.emplace(l);
  }
  limits settings;
  std::optional<parser> current;

  size_t put(std::string_view data) {
    error_code ec;
    current->input(data);
    auto used = current->put(boost::asio::const_buffer{data.data(), data.size()}, ec);
    if (ec && ec != http::error::need_more && !current->failure)
      current->failure = failure_of(ec);
    return used;
  }
};

request_parser::request_parser(limits l) : impl_(std::make_unique<impl>(l)) {
}

request_parser::~request_parser() = default;

void request_parser::reset() {
  impl_->current.emplace(impl_->settings);
}

size_t request_parser::put_head(std::span<char> data, request& out) {
  auto& p = *impl_->current;
  // Without its whole header a request is parsed again from the start: the views must all point into `data`.
  if (p.got_some())
    reset();
  impl_->current->out = &out;
  out.headers.clear();
  out.query.clear();
  return impl_->put({data.data(), data.size()});
}

size_t request_parser::put_body(std::string_view data, std::vector<std::string_view>& pieces) {
  auto& p = *impl_->current;
  p.pieces = &pieces;
  p.eager(true);
  size_t used = 0;
  while (used < data.size() && !p.is_done() && !p.failure) {
    auto n = impl_->put(data.substr(used));
    if (n == 0)
      break;
    used += n;
  }
  return used;
}

bool request_parser::head_done() const noexcept {
  return impl_->current->is_header_done();
}

bool request_parser::done() const noexcept {
  return impl_->current->is_done();
}

const std::optional<parse_failure>& request_parser::failure() const noexcept {
  return impl_->current->failure;
}

} // namespace troupe::net
