// Which pages a browser may have asked from (RFC 6454): a client certificate goes along with whatever page asks, so that nobody
// else's may.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace berth::hub {

// `origin` is the header's value; `host` what this server is called, `host_header` what the request says. An origin is ours if it
// is https, of that name and the port that was asked, or one of `others` ("https://console.example"). "null" is nobody's.
bool may_ask(std::string_view origin, std::string_view host, std::string_view host_header, std::span<const std::string> others);

// "https://name[:port]", in lower case and without the port that https has anyhow; empty: it is none.
std::string normal_origin(std::string_view text);

}  // namespace berth::hub
