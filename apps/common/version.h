// What --version tells.
#pragma once

#include <string>

namespace berth::app {

// Berth's own: "0.1.0".
std::string version();

// Of a program, with the OpenSSL that it runs on; with `json` one object.
std::string version_text(const std::string& program, bool json);

}  // namespace berth::app
