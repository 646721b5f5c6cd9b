// The description of the API for tools (OpenAPI 3.1), made of the table of its routes.
#pragma once

#include "hub/admin/routes.h"

namespace berth::hub {

wire::json::object describe_api(std::span<const api_route> routes);

}  // namespace berth::hub
