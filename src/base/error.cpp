#include "base/result.h"

namespace berth {

std::string_view to_string(error_category category) {
    switch (category) {
    case error_category::peer: return "peer";
    case error_category::incompatible: return "incompatible";
    case error_category::usage: return "usage";
    case error_category::environment: return "environment";
    case error_category::internal: return "internal";
    }
    return "internal";
}

int exit_code(error_category category) {
    switch (category) {
    case error_category::peer:
    case error_category::incompatible: return 1;
    case error_category::usage: return 2;
    case error_category::environment: return 3;
    case error_category::internal: return 4;
    }
    return 4;
}

error error::with(std::string key, std::string value) && {
    params.emplace_back(std::move(key), std::move(value));
    return std::move(*this);
}

error error::with(std::string key, std::string value) const& {
    return error(*this).with(std::move(key), std::move(value));
}

error error::during(std::string_view doing) && {
    message = std::string(doing) + ": " + message;
    return std::move(*this);
}

}  // namespace berth
