#include "net/validators.hpp"

#include "net/headers.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace troupe::net {

namespace {

constexpr std::array codings{content_coding::identity, content_coding::gzip, content_coding::brotli};

const std::string* header_of(const response& x, std::string_view name) {
  for (auto& [n, value] : x.headers)
    if (n == name)
      return &value;
  return nullptr;
}

std::string_view opaque(std::string_view tag) noexcept {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

template <class Equal>
bool listed(std::string_view value, const std::string& etag, Equal equal) {
  if (trim(value) == "*")
    return true;
  auto tags = split_list(value);
  return std::any_of(codings.begin(), codings.end(), [&](content_coding coding) {
    auto ours = coded_tag(etag, coding);
    return std::any_of(tags.begin(), tags.end(), [&](std::string_view theirs) { return equal(theirs, ours); });
  });
}

} // namespace

void tag_answer(response& out) {
  if (out.status != 200 || !out.etag.empty() || !out.parts.empty() || out.stream.kind != stream_kind::none
      || !out.content_type.starts_with("application/json"))
    return;
  auto control = header_of(out, "Cache-Control");
  if (control && control->find("no-store") != std::string::npos)
    return;
  auto text = out.text();
  auto hash = XXH3_128bits(text.data(), text.size());
  char tag[40];
  std::snprintf(tag, sizeof tag, "\"%016llx%016llx\"", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  out.etag = tag;
  // Kept, but asked for again each time.
  if (!control)
    out.headers.emplace_back("Cache-Control", "no-cache");
}

std::string coded_tag(const std::string& etag, content_coding coding) {
  auto out = etag;
  if (coding != content_coding::identity && !etag.empty())
    out.insert(out.size() - 1, "-" + std::string{to_string(coding)});
  return out;
}

bool if_none_match(std::string_view value, const std::string& etag) {
  return listed(value, etag, [](std::string_view a, std::string_view b) { return opaque(a) == opaque(b); });
}

bool if_match(std::string_view value, const std::string& etag) {
  return listed(value, etag, [](std::string_view a, std::string_view b) { return a == b && !a.starts_with("W/"); });
}

} // namespace troupe::net
