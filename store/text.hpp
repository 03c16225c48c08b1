#pragma once

#include <string>
#include <string_view>

namespace troupe::store {

/// PostgreSQL's text holds neither NUL nor invalid UTF-8; messages, titles and keys may. Each such byte b becomes the
/// private-use code point U+10FE00 + b, and what already looks like one is taken apart in the same way, so that
/// unescape(escape(x)) is x for every x. Text that needs nothing is left alone.
void escape_to_utf8(std::string& text);
void unescape_from_utf8(std::string& text);

/// Lower case by Unicode's simple mapping (the same on every machine, whatever its locale), at most 1000 bytes: what
/// titles are searched and sorted by. Invalid bytes stay as they are.
std::string fold_case(std::string_view text);

/// A pattern for LIKE … ESCAPE '!' that finds `text` anywhere.
std::string like_pattern(std::string_view text);

} // namespace troupe::store
