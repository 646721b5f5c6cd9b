#include "common/version.h"

#include "crypto/version.h"
#include "wire/json.h"

namespace berth::app {

std::string version() {
    return BERTH_VERSION;
}

std::string version_text(const std::string& program, bool json) {
    return json ? wire::to_text(wire::json::object{
                      {"program", program}, {"version", version()}, {"openssl", crypto::openssl_version_text()}})
                : program + " " + version() + ", " + crypto::openssl_version_text();
}

}  // namespace berth::app
