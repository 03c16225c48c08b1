#pragma once

// Answers that send a file of the disk: streams with ranges, pictures.

#include "net/exchange.hpp"
#include "net/file_cache.hpp"

namespace troupe::net {

using served_ptr = std::shared_ptr<const served_file>;
using serve_function = void (*)(exchange&, const served_ptr&);

/// By the extension of a file's name; a literal.
std::string_view type_of(std::string_view name);
std::string base_name(const std::string& path);

/// The whole file or ranges of it (RFC 9110, 14), revalidated each time.
void serve_stream(exchange& x, const served_ptr& what);
/// The whole file; clients may keep it for some minutes.
void serve_picture(exchange& x, const served_ptr& what);
/// The same, where the format was chosen by the request's Accept.
void serve_negotiated_picture(exchange& x, const served_ptr& what);

/// A file of the data folder.
ports::wanted_file in_data(std::string path);

/// Finds and opens the file, keeps it under `key` and serves it. errc::not_found when there is none,
/// errc::unavailable when it is on another node that is away.
void open_and_serve(exchange& x, std::string key, ports::wanted_file what, std::string name, serve_function serve);

/// Runs `use` with the opened file on a file thread. Errors are answered here.
void with_file(exchange& x, ports::wanted_file what,
               std::function<void(const ticket&, const shared_file_ptr& file)> use);

} // namespace troupe::net
