// What this program runs on, for programs of the system that must run on the same.
#pragma once

#include <filesystem>

namespace berth::app {

// Where the OpenSSL lies that this program runs on; empty: it cannot be told.
std::filesystem::path own_openssl();

}  // namespace berth::app
